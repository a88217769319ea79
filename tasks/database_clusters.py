"""A database cluster from a run's point of view: looks at it, its lease, and one act at a time."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from springtide.clouds.cluster_manager import ClusterManager
from springtide.clouds.etcd.gateway import Etcd
from springtide.clouds.etcd.lease import ChangeLease, held_lease
from springtide.clouds.patroni.cluster import PatroniCluster
from springtide.clouds.patroni.database import Databases
from springtide.clouds.vcenter.access import VCenter
from springtide.errors import GuardRefused, Misconfigured, ReplyLost, Retryable, SpringtideError
from springtide.model.approval import Approval
from springtide.model.cluster_view import ClusterView, DatabaseFacts, MachineFacts
from springtide.model.database import DatabaseCluster
from springtide.model.database_plan import ChangeRecord, PlanKind, Step, StepKind, Wish
from springtide.model.inventory import Inventory, Power
from springtide.planning.database_acts import Act, ActKind
from springtide.planning.database_change import Sight
from tasks.cloud import open_audit, read_estate

_RECORD = "change"
MIB = 1024**2
_RATE_S = 2.0
"""Between two looks at the primary's log, to see how fast it is written."""


@dataclass(frozen=True)
class ClusterDesk:
    """One run's access to one cluster."""

    cluster: DatabaseCluster
    manager: ClusterManager
    databases: Databases
    etcd: Etcd
    vcenter: VCenter | None
    kind: PlanKind | None

    @property
    def prefix(self) -> str:
        """Where our keys of this cluster stand in its store."""
        return f"{self.cluster.store.prefix}{self.cluster.name}/"

    async def sight(self) -> Sight:
        """What is seen of it now, each member by its own word."""
        view = await self.view()
        return Sight(view, await self.machines(), self.cluster.limits)

    async def view(self, *, rate: float = 0.0) -> ClusterView:
        """The members, what they agreed on, and their store."""
        members, settings, store, scheduled = await asyncio.gather(
            self.manager.members(),
            self.manager.settings(),
            self.etcd.view(),
            self.manager.scheduled_switchover(),
        )
        return ClusterView(
            at=datetime.now(UTC),
            members=members,
            settings=settings,
            store=store,
            scheduled_switchover=scheduled,
            wal_bytes_per_s=rate,
        )

    async def long_view(self) -> ClusterView:
        """The same, with how fast the primary writes its log, and what room there is for it."""
        first = await self.view()
        await asyncio.sleep(_RATE_S)
        second = await self.view()
        second = second.model_copy(update={"wal_room_mib": await self.wal_rooms()})
        one, other = first.leader, second.leader
        if not (one and other and one.name == other.name and one.written and other.written):
            return second
        seconds = (second.at - first.at).total_seconds()
        rate = max(0.0, (other.written - one.written) / seconds)
        return second.model_copy(update={"wal_bytes_per_s": rate})

    async def inventory(self) -> Inventory | None:
        """What vCenter shows; None where it is not asked."""
        return None if self.vcenter is None else await asyncio.to_thread(self.vcenter.read)

    async def wal_rooms(self) -> dict[str, int]:
        """By member: free space for its log, in MiB, as VMware Tools last told; empty: unknown."""
        if self.cluster.wal_disk is None:
            return {}
        try:
            inventory = await self.inventory()
        except SpringtideError:
            # It is looked at for this alone: what the estate says of the room has to do.
            return {}
        return wal_rooms_of(self.cluster, inventory) if inventory is not None else {}

    async def machines(self) -> dict[str, MachineFacts]:
        """The members' virtual machines; empty where they are not to be changed."""
        if self.kind is not PlanKind.RESIZE:
            return {}
        inventory = await self.inventory()
        return machines_of(self.cluster, inventory) if inventory is not None else {}

    async def facts(self, *, aside: str | None = None) -> tuple[DatabaseFacts, ...]:
        """What PostgreSQL says of each member, but for the one that may be down."""
        names = [m.name for m in self.cluster.members if m.name != aside]
        return tuple(await asyncio.gather(*(self.databases.facts(name) for name in names)))

    async def record(self) -> ChangeRecord | None:
        """The change that is under way, or was cut off; None where none is."""
        entry = await self.etcd.entry(f"{self.prefix}{_RECORD}")
        return ChangeRecord.model_validate_json(entry.value) if entry is not None else None

    @asynccontextmanager
    async def lease(self, holder: str) -> AsyncIterator[ChangeLease]:
        """The right to change the cluster, as long as it is held."""
        async with held_lease(self.etcd, self.prefix, holder=holder) as lease:
            yield lease

    async def remember(self, lease: ChangeLease, record: ChangeRecord | None) -> None:
        """Write down the change under way, or that none is any more."""
        await lease.write(_RECORD, record.model_dump_json() if record is not None else None)

    async def perform(self, wish: Wish, step: Step, act: Act, *, why: str) -> str:
        """Do it; what the cluster's manager said to it, empty where a machine was changed.

        Whether it came to pass is seen by looking alone.
        """
        try:
            match act.kind:
                case ActKind.SWITCH_OVER:
                    return await self.manager.switch_over(step.member, act.candidate, why=why)
                case ActKind.RESTART:
                    role = "primary" if step.kind is StepKind.IN_PLACE else "replica"
                    return await self.manager.restart(step.member, role, why=why)
                case ActKind.REINITIALISE:
                    return await self.manager.reinitialise(step.member, why=why)
                case _:
                    with suppress(ReplyLost):
                        await asyncio.to_thread(self._change_machine, wish, step, act, why)
                    return ""
        except ReplyLost as error:
            return str(error)

    def _change_machine(self, wish: Wish, step: Step, act: Act, why: str) -> None:
        member = self.cluster.member(step.member)
        if self.vcenter is None or member is None or member.virtual_machine is None:
            raise GuardRefused(f"{step.member} has no virtual machine that is ours to change")
        name = member.virtual_machine
        if act.kind is ActKind.SHUT_DOWN:
            self.vcenter.shut_down_guest(name, why=why)
        elif act.kind is ActKind.POWER_ON:
            self.vcenter.power_on(name, why=why)
        elif act.kind is ActKind.RESIZE and wish.size is not None:
            now = self.vcenter.virtual_machine(name)
            if now.power is not Power.OFF:
                raise GuardRefused(f"{name} was powered on by somebody meanwhile")
            self.vcenter.resize(name, wish.size, change_version=now.change_version, why=why)


def machines_of(cluster: DatabaseCluster, inventory: Inventory) -> dict[str, MachineFacts]:
    """Each member's machine, as the inventory shows it.

    Raises:
        NotFound, GuardRefused: vCenter shows none of that name, or several.
        Retryable: it shows no configuration of one: its size is not known.
    """
    found = {}
    for member in cluster.members:
        if member.virtual_machine is not None:
            machine = inventory.virtual_machine(member.virtual_machine)
            if not machine.change_version:
                raise Retryable(f"{machine.name}: vCenter cannot read its configuration")
            found[member.name] = MachineFacts(
                member=member.name,
                size=str(machine.size),
                on=machine.power is Power.ON,
                host=machine.host,
                snapshots=len(machine.snapshots),
            )
    return found


def wal_rooms_of(cluster: DatabaseCluster, inventory: Inventory) -> dict[str, int]:
    """By member: the free space of the guest's file system with the log, in MiB, where told."""
    named = {member.virtual_machine: member.name for member in cluster.members}
    return {
        named[machine.name]: disk.free_bytes // MIB
        for machine in inventory.virtual_machines
        if machine.name in named
        for disk in machine.guest_disks
        if disk.path == cluster.wal_disk
    }


@asynccontextmanager
async def cluster_desk(
    estate_file: Path, name: str, kind: PlanKind | None, approval: Approval | None = None
) -> AsyncIterator[ClusterDesk]:
    """The run's access to the estate's cluster of that name; what it changes is audited.

    `kind` is what it is to be changed by; None: it is looked at alone.

    Raises:
        Misconfigured: estate or credentials are wrong, or a resize has no machines to change.
        GuardRefused: it is a fleet.
    """
    estate = read_estate(estate_file)
    cluster = estate.database_cluster(name)
    by = tuple(signer.name for signer in approval.signers) if approval else ()
    audit = open_audit(estate, by)
    async with AsyncExitStack() as stack:
        vcenter = None
        if kind is PlanKind.RESIZE and len(cluster.virtual_machines) < len(cluster.members):
            raise Misconfigured(
                "a member has no virtual machine, so it cannot be resized",
                field=f"database_clusters: {name}: members: virtual_machine",
            )
        # By a look, or for a switchover, no member is down, so that no log is kept for it.
        downs_one = kind not in (None, PlanKind.SWITCHOVER)
        measured = cluster.wal_disk is not None and downs_one
        if kind is PlanKind.RESIZE or measured:
            core = estate.private_cloud()
            vcenter = stack.enter_context(VCenter.open(core, audit, environment=os.environ))
        manager = await stack.enter_async_context(PatroniCluster(cluster, audit))
        etcd = Etcd(cluster.store)
        stack.push_async_callback(etcd.close)
        yield ClusterDesk(cluster, manager, Databases(cluster), etcd, vcenter, kind)
