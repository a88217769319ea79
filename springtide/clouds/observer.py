"""One look at a fleet over all of its regions: the eyes of every convergence."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.openstack.region import RegionCloud
from springtide.clouds.probe import probe_servers, read_in_flight
from springtide.errors import NotFound, Retryable, SpringtideError
from springtide.model.fleet import Fleet, Prober
from springtide.model.healing import Signal
from springtide.model.server import Member, Server
from springtide.model.snapshot import FleetSnapshot, Headroom, Image, RegionSnapshot

_AWAY = (Retryable, NotFound)
"""How a service is away: a gateway answers 404 in the place of one that is in maintenance. What the
estate names is looked for in listings: that it is missing is told otherwise."""


@dataclass
class _Known:
    """What one run remembers of a region between two looks."""

    asked: bool = False
    """Whether the region has said what a launch needs, or that it has not got it."""
    unlaunchable: str | None = None
    """What the region has not got."""
    launch_trouble: str | None = None
    """Why it was not asked, or did not answer."""
    trouble: str | None = None
    """Why the last look failed."""
    images: tuple[Image, ...] = ()
    headroom: Headroom = field(default_factory=Headroom)
    group_members: int | None = None
    held: int | None = None
    """Our servers at the first look after the headroom was read."""
    members_left: int | None = None
    """More members that the balancer takes; read after a refusal alone, None: not known."""
    servers: tuple[Server, ...] = ()
    members: tuple[Member, ...] = ()


class FleetObserver:
    """Looks at one fleet again and again; regions in parallel, one listing each per look."""

    def __init__(self, access: CloudAccess, fleet: Fleet) -> None:
        """Nothing is called yet; regions outside the residency are refused here."""
        for region in fleet.regions:
            access.require_resident(region.name)
        self._access, self._fleet = access, fleet
        self._known = {region.name: _Known() for region in fleet.regions}

    @property
    def launchable(self) -> bool:
        """Whether every region has said what a launch needs, or that it has not got it."""
        return all(known.asked for known in self._known.values())

    def cloud(self, region: str) -> RegionCloud:
        """The region's cloud.

        Raises:
            Misconfigured: the cloud's catalogue has no such region; the others have theirs.
        """
        return self._access.region(region)

    async def prepare(self) -> None:
        """Resolve the pools: enough to observe, and to take the fleet down.

        A region that does not answer now does not keep the others waiting: its looks will tell.

        Raises:
            Misconfigured: a region or a pool of the estate does not exist, or the credentials are
                refused.
        """
        await self._everywhere(self._find_pool)

    async def prepare_launch(self) -> bool:
        """Find flavour, networks, image and headroom, which a launch needs; whether that was news.

        A region that does not answer is asked again by the next call; until then the looks tell
        why nothing can be launched there.

        Raises:
            Misconfigured: something that the estate names does not exist in a region; the looks
                tell it too, and the other regions are ready all the same.
        """
        before = self._launch_state()
        await self._everywhere(self._read_launchables)
        return before != self._launch_state()

    async def look(self, now: datetime) -> FleetSnapshot:
        """The fleet as it stands; a region that cannot be read tells its trouble.

        Such a region shows what was last seen of it in this run.
        """
        regions = await asyncio.gather(*(self._look(name) for name in self._known))
        return FleetSnapshot(fleet=self._fleet.name, at=now, regions=tuple(regions))

    async def refresh_headroom(self, region: str) -> None:
        """Read the region's quota again: somebody refused us, so it is not what we thought.

        Where it does not answer, what was read before stands.
        """
        with suppress(*_AWAY):
            await asyncio.to_thread(self._read_headroom, region)
            left = await asyncio.to_thread(self.cloud(region).members_left)
            self._known[region].members_left = left

    async def _everywhere(self, act: Callable[[str], object]) -> None:
        """Act in each region; the first error is raised when all of them are through."""
        acts = (asyncio.to_thread(act, region) for region in self._known)
        for done in await asyncio.gather(*acts, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    def _find_pool(self, region: str) -> None:
        with suppress(*_AWAY):
            self.cloud(region).resolve_pool(self._fleet)

    def _read_launchables(self, region: str) -> None:
        known = self._known[region]
        if known.asked:
            return
        if known.trouble is not None:
            # Asking further would make the other regions wait once more for one that is down.
            known.launch_trouble = known.trouble
            return
        try:
            cloud = self.cloud(region)
            cloud.resolve_launch(self._fleet)
            known.images = cloud.matching_images(self._fleet.image)
            self._read_headroom(region)
        except _AWAY as error:
            known.launch_trouble = str(error)
            return
        except SpringtideError as error:
            known.unlaunchable, known.launch_trouble, known.asked = str(error), None, True
            raise
        known.launch_trouble, known.asked = None, True

    def _launch_state(self) -> list[tuple[bool, bool]]:
        """Of each region whether it was asked, and whether it is in trouble, whatever that says."""
        return [(known.asked, known.launch_trouble is None) for known in self._known.values()]

    def _read_headroom(self, region: str) -> None:
        known, room = self._known[region], self.cloud(region).room(self._fleet)
        known.headroom, known.group_members, known.held = *room, None

    async def _look(self, region: str) -> RegionSnapshot:
        known = self._known[region]
        await self._list(region, known)
        if known.held is None and known.trouble is None:
            known.held = len(known.servers)
            known.headroom = known.headroom.model_copy(update={"members": _places(known)})
        ours = [m for m in known.members if m.ours]
        draining = {m.server_id for m in ours if m.weight == 0}
        serving = {m.server_id for m in ours if m.weight > 0}
        ports = {m.server_id: m.port for m in ours if m.server_id}
        active = {s.id for s in known.servers if s.status == "ACTIVE"}
        # Who serves is asked whatever Nova says: a rebuild that never ends would serve for ever.
        whom = (active | serving) - self._unasked(serving, draining)
        asked = [s for s in known.servers if s.id in whom and s.address]
        going = [s for s in known.servers if s.id in draining and s.id in active]
        answering, in_flight = await asyncio.gather(
            probe_servers(self._fleet, asked, joined_at=ports),
            self._count(going, ports),
        )
        return RegionSnapshot(
            region=region,
            servers=known.servers,
            members=known.members,
            answering=answering,
            probed=frozenset(s.id for s in asked),
            in_flight=in_flight,
            headroom=_less(known.headroom, len(known.servers) - (known.held or 0)),
            group_members=known.group_members,
            images=known.images,
            unlaunchable=known.unlaunchable,
            launch_trouble=known.launch_trouble,
            trouble=known.trouble,
        )

    async def _list(self, region: str, known: _Known) -> None:
        """Take note of servers and members as they are; of either, what was last seen stays.

        What Nova says counts though the balancer does not answer: those servers stand, and are
        billed, so that nobody may launch them once more elsewhere. A region whose listing leaves
        out a server that stands has answered in part, and is in trouble.
        """
        servers, members = await asyncio.gather(
            asyncio.to_thread(lambda: self.cloud(region).list_servers(self._fleet.name)),
            asyncio.to_thread(lambda: self.cloud(region).list_members(self._fleet)),
            return_exceptions=True,
        )
        told = [_told(listing) for listing in (servers, members)]
        known.trouble = next(filter(None, told), None)
        if not isinstance(members, BaseException):
            known.members = members
        if isinstance(servers, BaseException):
            return
        seen = {server.id: server for server in servers}
        if unlisted := _unlisted(known.members, seen):
            left_out = await asyncio.to_thread(self._left_out, region, unlisted)
            known.trouble = known.trouble or left_out
            if left_out is not None:
                seen = {server.id: server for server in known.servers} | seen
        known.servers = tuple(seen.values())

    def _left_out(self, region: str, unlisted: list[str]) -> str | None:
        """What is wrong with a listing that lacks these servers of members; None: they are gone."""
        try:
            left_out = self.cloud(region).left_out(self._fleet.name, unlisted)
        except SpringtideError as error:
            return str(error)
        return left_out and f"{region} compute: the listing leaves out {left_out}, which stands"

    def _unasked(self, serving: set[str | None], draining: set[str | None]) -> set[str | None]:
        """Whom our probe leaves alone: who is on its way out, and who serves, if that is no sign.

        Where the balancer decides who answers, our probe reaches nobody.
        """
        if self._fleet.health.prober is not Prober.SPRINGTIDE:
            return {server.id for known in self._known.values() for server in known.servers}
        return draining if Signal.PROBE in self._fleet.healing.signals else serving | draining

    async def _count(self, servers: list[Server], ports: dict[str, int]) -> dict[str, int]:
        if not servers or self._fleet.health.in_flight_path is None:
            return {}
        return await read_in_flight(self._fleet, servers, joined_at=ports)


def _told(listing: object) -> str | None:
    """What is wrong with a listing; None where it came. Whatever is not ours to tell is raised."""
    if isinstance(listing, BaseException) and not isinstance(listing, SpringtideError):
        raise listing
    return str(listing) if isinstance(listing, SpringtideError) else None


def _unlisted(members: tuple[Member, ...], listed: Collection[str]) -> list[str]:
    """Ids of the servers of our members that no listing shows, those apart that are leaving."""
    staying = (m for m in members if m.ours and m.provisioning_status != "PENDING_DELETE")
    return sorted(m.server_id for m in staying if m.server_id and m.server_id not in listed)


def _places(known: _Known) -> int | None:
    """Members that the balancer takes beside those of our servers that are still to join."""
    if known.members_left is None:
        return None
    joined = {member.server_id for member in known.members}
    coming = (s for s in known.servers if s.status != "ERROR" and s.task_state != "deleting")
    return known.members_left - sum(server.id not in joined for server in coming)


def _less(headroom: Headroom, servers: int) -> Headroom:
    """The headroom after so many more servers than when it was read."""
    left = {k: None if v is None else v - servers for k, v in dict(headroom).items()}
    return Headroom.model_validate(left)
