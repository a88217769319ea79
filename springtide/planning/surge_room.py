"""Whether a cloud's quotas have room for a full surge, and what is lacking where they have not.

As an operator reads it: a full surge is as large as the estate authorises beforehand, else as the
fleet may become. It is spread over the regions as a real one would be, servers that stand already
included. Where all of it has room, each limit is told with what the region's share would take of
it. Where not, the shares are those of regions without limits, and each limit that is below its
region's share is red, with what is lacking: that is what to ask the provider for.

A limit that may not be read is amber and counts as none. A region that lacks something a launch
needs has no room.

Example: 300 servers of 16 cores, three alike regions with 512 cores each: 32 in each region, 204
short, and each region lacks 1,088 cores for its share of 100.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from springtide.model.fleet import Fleet
from springtide.model.readiness import Check, Finding, Quota, Readiness, RegionReport, Trouble
from springtide.planning.spread import Room, spread

LIMITS = (
    Check.INSTANCES,
    Check.CORES,
    Check.RAM,
    Check.PORTS,
    Check.ADDRESSES,
    Check.MEMBERS,
)
_GREEN, _AMBER, _RED = Readiness.GREEN, Readiness.AMBER, Readiness.RED


def surge_size(fleet: Fleet) -> int:
    """How many servers a full surge of the fleet is."""
    return fleet.surge.max_servers if fleet.surge else fleet.max_servers


def judge_surge(reports: tuple[RegionReport, ...], fleet: Fleet) -> Iterator[Finding]:
    """One finding for the whole surge, and one for each limit of each region."""
    if not reports:
        return
    size, rooms = surge_size(fleet), tuple(_room(report, fleet) for report in reports)
    shares, short = _spread(size, rooms)
    told = ", ".join(_told(room, shares[room.region]) for room in rooms)
    unseen = [r.region for r in reports if r.servers is None]
    if short:
        told += f"; {short} find no room"
        shares, _ = _spread(size, tuple(_boundless(room, fleet) for room in rooms))
    if unseen:
        told += f"; what stands in {', '.join(unseen)} is not known"
    verdict = _RED if short else _AMBER if unseen else _GREEN
    yield Finding(check=Check.SURGE, verdict=verdict, detail=f"{size} servers: {told}")
    for report in reports:
        yield from _limits(report, shares[report.region])


def _told(room: Room, share: int) -> str:
    bound = f" (bound by {room.limit})" if share == room.most else ""
    return f"{share} in {room.region}{bound}"


def _spread(size: int, rooms: tuple[Room, ...]) -> tuple[dict[str, int], int]:
    """Servers by region once the surge stands, those that stand already included."""
    standing = sum(room.holds for room in rooms)
    added, short = spread(max(0, size - standing), rooms)
    return {room.region: room.holds + added[room.region] for room in rooms}, short


def _room(report: RegionReport, fleet: Fleet) -> Room:
    """What the region may hold: its cap, and what its known limits leave."""
    wanted, holds = fleet.region(report.region), report.servers or 0
    limits = [] if wanted.cap is None else [(wanted.cap, "its cap")]
    lefts = ((check, servers_left(report, check)) for check in LIMITS)
    limits += [(holds + left, check.value) for check, left in lefts if left is not None]
    limits += [
        (holds, trouble.check.value) for trouble in report.troubles if bars_launches(trouble)
    ]
    most, limit = min(limits, key=lambda one: one[0], default=(None, ""))
    order = fleet.surge.regions if fleet.surge else ()
    rank = order.index(report.region) if report.region in order else len(order)
    return Room(report.region, wanted.weight, holds, most, limit, rank)


def _boundless(room: Room, fleet: Fleet) -> Room:
    """The same region if only its cap bound it."""
    return replace(room, most=fleet.region(room.region).cap)


def bars_launches(trouble: Trouble) -> bool:
    """Whether nothing could be launched: a limit that is not known is no bar."""
    return trouble.check not in (*LIMITS, Check.SURGE, Check.ALLOCATION_POOLS, Check.BALANCER)


def _quotas(report: RegionReport) -> Mapping[Check, tuple[Quota | None, int]]:
    """Each limit, and what one server takes of it; 0 where that is not known."""
    flavour = report.flavour
    return {
        Check.INSTANCES: (report.instances, 1),
        Check.CORES: (report.cores, flavour.vcpus if flavour else 0),
        Check.RAM: (report.ram_mib, flavour.ram_mib if flavour else 0),
        Check.PORTS: (report.ports, 1),
        Check.ADDRESSES: (report.addresses, 1),
        Check.MEMBERS: (report.members, 1),
    }


def servers_left(report: RegionReport, check: Check) -> int | None:
    """For how many more servers that limit has room; None: without limit, or not known."""
    quota, each = _quotas(report)[check]
    if quota is None or quota.left is None or not each:
        return None
    return quota.left // each


def _limits(report: RegionReport, share: int) -> Iterator[Finding]:
    """Each limit beside what the region's share of the surge takes of it."""
    said = {trouble.check: trouble.detail for trouble in report.troubles}
    more = max(0, share - (report.servers or 0))
    for check, (quota, each) in _quotas(report).items():
        if quota is None or not each:
            why = said.get(check)
            verdict, detail = _AMBER, f"not known: {why}" if why else "not known"
        elif quota.left is None:
            verdict, detail = _GREEN, f"without limit, {quota.used} used"
        else:
            lacking = more * each - quota.left
            verdict = _RED if lacking > 0 else _GREEN
            wanted = f"{more * each} more for {share} servers"
            lacks = f": {lacking} are lacking" if lacking > 0 else ""
            detail = f"{quota.limit} granted, {quota.used} used, {wanted}{lacks}"
        yield Finding(check=check, region=report.region, verdict=verdict, detail=detail)
