"""The life of a region's servers: scheduled as a wave, booted one by one, stopped, deleted."""

from dataclasses import replace
from functools import partial

from springtide.sandbox.faults import ServerBehaviour
from springtide.sandbox.flavors import HOST_RAM_MIB
from springtide.sandbox.ports import SERVER_OWNER, create_port
from springtide.sandbox.protocol import Refused, stamp
from springtide.sandbox.records import NO_VALID_HOST, Launch, Server, ServerAction, ServerUp
from springtide.sandbox.regions import RegionState
from springtide.sandbox.world import World

SCHEDULING_S = 0.3
POWER_S = 0.2
LEAVING_S = (0.1, 0.5)


class Servers:
    """What may happen to the servers of one region."""

    def __init__(self, world: World, region: str) -> None:
        """Act on the region of that name, whatever it holds by then."""
        self._world = world
        self._name = region

    @property
    def region(self) -> RegionState:
        """The region's present state."""
        return self._world.regions[self._name]

    def launch(self, launch: Launch, count: int) -> list[Server]:
        """`count` new servers in BUILD, which are scheduled all together or not at all."""
        reservation_id = "r-" + self._world.new_id().replace("-", "")[:8]
        wave = [
            self._new_server(
                replace(launch, name=f"{launch.name}-{number}" if count > 1 else launch.name),
                reservation_id,
            )
            for number in range(1, count + 1)
        ]
        boots_s = [self._boot_s(server) for server in wave]
        scheduling_s = min([SCHEDULING_S / self._world.config.speed, *boots_s])
        self._world.agenda.after(scheduling_s, partial(self._schedule, wave))
        for server, boot_s in zip(wave, boots_s, strict=True):
            if not server.behaviour.stuck_build:
                self._world.agenda.after(boot_s, partial(self._boot, server))
        return wave

    def add_running(self, launch: Launch) -> Server:
        """A server that is ACTIVE at once, whatever quota, capacity and behaviours say."""
        server = self._new_server(launch, "r-" + self._world.new_id()[:8])
        server.behaviour = ServerBehaviour()
        self._place(server)
        self._boot(server)
        return server

    def delete(self, server: Server) -> None:
        """Have the server leave; doing so again changes nothing.

        Raises:
            Refused: 409, when it is locked.
        """
        if server.locked:
            raise Refused(409, f"Instance {server.id} is locked")
        if server.task_state == "deleting":
            return
        self.note(server, "delete")
        server.task_state = "deleting"
        server.updated = self._world.clock.now()
        delay_s = self._world.rng.uniform(*LEAVING_S) / self._world.config.speed
        self._world.agenda.after(delay_s, partial(self._gone, server))

    def stop(self, server: Server) -> None:
        """Power an ACTIVE server off.

        Raises:
            Refused: 409, when it is not ACTIVE or busy.
        """
        self._begin(server, "stop", states={"active"}, task="powering-off")
        self._world.server_down(server.id)
        self._finish_later(server, partial(self.shut_off, server))

    def start(self, server: Server) -> None:
        """Power a stopped server on.

        Raises:
            Refused: 409, when it is not stopped or busy.
        """
        self._begin(server, "start", states={"stopped"}, task="powering-on")
        self._finish_later(server, partial(self._running, server))

    def reboot(self, server: Server, *, hard: bool) -> None:
        """Reboot an ACTIVE server, or a stopped one if `hard`; it answers again afterwards.

        Raises:
            Refused: 409, when its state does not allow it.
        """
        states = {"active", "stopped", "error"} if hard else {"active"}
        task = "rebooting_hard" if hard else "rebooting"
        self._begin(server, "reboot", states=states, task=task)
        self._world.server_down(server.id)
        self._finish_later(server, partial(self._running, server))

    def crash(self, server: Server) -> None:
        """Have the server answer no more, while Nova still shows it as it was."""
        self._world.server_down(server.id)

    def shut_off(self, server: Server) -> None:
        """Show the server as SHUTOFF, whoever switched it off."""
        self._world.server_down(server.id)
        self._become(server, "stopped")

    def fail(self, server: Server, message: str) -> None:
        """Take the server to ERROR; it answers no more."""
        self._world.server_down(server.id)
        now = stamp(self._world.clock.now())
        server.fault = {"code": 500, "created": now, "message": message}
        self._become(server, "error")

    def note(self, server: Server, action: str) -> None:
        """Remember an action that was asked for."""
        request_id = f"req-{self._world.new_id()}"
        server.actions.insert(0, ServerAction(action, request_id, self._world.clock.now()))

    def _new_server(self, launch: Launch, reservation_id: str) -> Server:
        now = self._world.clock.now()
        image = self.region.images.get(launch.image_id or "", {}).get("name")
        server = Server(
            id=self._world.new_id(),
            name=launch.name,
            region=self._name,
            flavor=launch.flavor,
            image_id=launch.image_id,
            zone=launch.zone,
            requested_zone=launch.zone,
            created=now,
            updated=now,
            reservation_id=reservation_id,
            key_name=launch.key_name,
            description=launch.description,
            user_data=launch.user_data,
            config_drive=launch.config_drive,
            security_groups=launch.security_groups,
            network_ids=launch.network_ids,
            group_id=launch.group_id,
            metadata=dict(launch.metadata),
            tags=list(launch.tags),
            behaviour=self._world.faults.behaviour_for(self._name, image),
        )
        self.note(server, "create")
        self.region.servers[server.id] = server
        return server

    def _boot_s(self, server: Server) -> float:
        boot = self._world.config.boot
        drawn_s = self._world.rng.uniform(boot.least_s, boot.most_s) / self._world.config.speed
        return drawn_s if server.behaviour.boot_s is None else server.behaviour.boot_s

    def _schedule(self, wave: list[Server]) -> None:
        coming = [server for server in wave if server.task_state == "scheduling"]
        hosts = self.region.capacity_servers
        limit = self.region.quota.instances if hosts is None else hosts
        taken = sum(1 for server in self.region.servers.values() if server.host is not None)
        if taken + len(coming) > limit or any(_fits_nowhere(server) for server in coming):
            for server in coming:
                self.fail(server, NO_VALID_HOST)
            return
        for server in coming:
            self._place(server)

    def _place(self, server: Server) -> None:
        server.host = f"host-{server.id[:8]}"
        server.zone = server.requested_zone or self.region.config.zones[0]
        server.task_state = "spawning"
        wanted = {"device_id": server.id, "device_owner": SERVER_OWNER}
        try:
            for network_id in server.network_ids:
                port = create_port(self._world, self.region, wanted | {"network_id": network_id})
                server.port_ids.append(port["id"])
        except Refused as refused:
            self._unplace(server)
            self.fail(server, f"Build of instance {server.id} aborted: {refused.message}")

    def _unplace(self, server: Server) -> None:
        server.host = None
        for port_id in server.port_ids:
            self.region.ports.pop(port_id, None)
        server.port_ids = []

    def _boot(self, server: Server) -> None:
        if server.vm_state != "building" or server.task_state == "deleting":
            return
        if server.behaviour.error == "BuildAbort":
            self._unplace(server)
            self.fail(server, f"Build of instance {server.id} aborted: Failed to build.")
            return
        server.launched_at = self._world.clock.now()
        self._running(server)

    def _running(self, server: Server) -> None:
        self._become(server, "active")
        server.fault = None
        behaviour, config = server.behaviour, self._world.config
        answer_s = config.boot.answer_s / config.speed
        up = ServerUp(
            server_id=server.id,
            region=self._name,
            name=server.name,
            address=next(iter(self.addresses(server)), ""),
            port=config.server_port,
            answer_after_s=answer_s if behaviour.answer_s is None else behaviour.answer_s,
            never_answers=behaviour.never_answers,
            health_status=behaviour.health_status,
            health_delay_s=behaviour.health_delay_s,
        )
        self._world.server_up(up)

    def addresses(self, server: Server) -> list[str]:
        """The server's addresses, in the order of its networks."""
        ports = [self.region.ports[key] for key in server.port_ids if key in self.region.ports]
        return [fixed["ip_address"] for port in ports for fixed in port["fixed_ips"]]

    def _begin(self, server: Server, action: str, *, states: set[str], task: str) -> None:
        if server.vm_state not in states:
            verb = f"Cannot '{action}' instance {server.id} while it is in vm_state"
            raise Refused(409, f"{verb} {server.vm_state}")
        if server.task_state is not None:
            verb = f"Cannot '{action}' instance {server.id} while it is in task_state"
            raise Refused(409, f"{verb} {server.task_state}")
        self.note(server, action)
        server.task_state = task
        server.updated = self._world.clock.now()

    def _finish_later(self, server: Server, finish: partial[None]) -> None:
        task = server.task_state

        def finish_unless_overtaken() -> None:
            if server.task_state == task:
                finish()

        self._world.agenda.after(POWER_S / self._world.config.speed, finish_unless_overtaken)

    def _become(self, server: Server, vm_state: str) -> None:
        server.vm_state = vm_state
        if server.task_state != "deleting":
            server.task_state = None
        server.updated = self._world.clock.now()

    def _gone(self, server: Server) -> None:
        self._world.server_down(server.id)
        if not server.behaviour.leak_port:
            self._unplace(server)
        server.host = None
        server.terminated_at = self._world.clock.now()
        self._become(server, "deleted")
        server.task_state = None
        self.region.servers.pop(server.id, None)
        self.region.deleted_servers[server.id] = server


def _fits_nowhere(server: Server) -> bool:
    return server.flavor.ram_mib > HOST_RAM_MIB or server.behaviour.error == "NoValidHost"
