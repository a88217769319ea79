"""Where and how missing servers are launched: spread, halves, canaries, zones, waves."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from springtide.model.claim import ExhaustedMark, ProvenImage, key_part
from springtide.model.fleet import CanaryPolicy, Fleet
from springtide.model.plan import Launch, Wait
from springtide.model.server import Phase
from springtide.model.wave_names import wave_name, wave_size
from springtide.planning.deaths import rest_of
from springtide.planning.image_choice import rolling
from springtide.planning.proving import image_proven, newly_proven
from springtide.planning.region import RegionView
from springtide.planning.round_input import RoundInput
from springtide.planning.spread import Room, spread, waves

_BROKEN_SHARE = 0.2
"""Below this share servers that fail while being built are bad luck, and simply replaced."""


@dataclass(frozen=True)
class LaunchPlan:
    """The launches of one round, and what was learnt on the way."""

    actions: tuple[Launch, ...] = ()
    waits: tuple[Wait, ...] = ()
    alarms: tuple[str, ...] = ()
    added: dict[str, int] = field(default_factory=dict)
    """Servers promised to each region, those that wait for a canary too."""
    limits: dict[str, str] = field(default_factory=dict)
    """What bounds each region."""
    full: frozenset[str] = frozenset()
    """Regions where only a quota or a cap is in the way: one server less makes room for one."""
    short: int = 0
    marks: tuple[ExhaustedMark, ...] = ()
    proven: tuple[ProvenImage, ...] = ()


class _Limit(NamedTuple):
    """What bounds a region; of two that leave the same room, the first by what is told binds."""

    most: int | None
    """Most servers that it may hold; None: no known limit."""
    told: str
    frees: bool = False
    """Whether it is a quota or a cap: one server less makes room for one."""


@dataclass(frozen=True)
class _Berth:
    """What one region offers to new servers in this round."""

    view: RegionView
    room: Room
    zones: tuple[str | None, ...]
    wave_most: int
    group_members: int | None
    full: bool
    """Whether one server less makes room for one."""
    scouts: int | None
    """How many may be launched now where the image is unproven; None: it is proven."""


def plan_launches(
    views: tuple[RegionView, ...],
    given: RoundInput,
    *,
    missing: int,
    closed: frozenset[str] = frozenset(),
) -> LaunchPlan:
    """Launches for `missing` servers (none where it is not positive), with the shortfall told.

    `closed` are regions where nothing can be seen to serve at present.
    """
    marks = tuple(mark for view in views if view.readable for mark in _new_marks(view, given))
    berths = tuple(_berth(view, given, marks, closed=closed) for view in views)
    added, short = spread(max(0, missing), tuple(berth.room for berth in berths))
    actions: list[Launch] = []
    waits: list[Wait] = []
    for berth in berths:
        wanted = added[berth.view.region]
        now_count = wanted if berth.scouts is None else min(wanted, berth.scouts)
        actions += _waves(berth, now_count, given, first=len(actions))
        if now_count < wanted:
            held = wanted - now_count
            reason = f"{held} wait until a canary of the image serves"
            waits.append(Wait(region=berth.view.region, servers=held, reason=reason))
    if short:
        waits += _hopes(views, given)
    return LaunchPlan(
        actions=tuple(actions),
        waits=tuple(waits),
        alarms=tuple(f"{m.region}: {m.reason}" for m in marks if m.alarm)
        + _lacking_alarms(views, given, asked=max(0, missing))
        + _mourning(views, given),
        added=added,
        limits={berth.view.region: berth.room.limit for berth in berths},
        full=frozenset(berth.view.region for berth in berths if berth.full),
        short=short,
        marks=marks,
        proven=tuple(note for view in views if (note := newly_proven(view, given))),
    )


def _new_marks(view: RegionView, given: RoundInput) -> list[ExhaustedMark]:
    """What this region's failures teach: no host, no place in the pool; an image that is silent."""
    fleet = given.fleet
    until = given.now + timedelta(seconds=fleet.exhausted_for_s)
    base = {"fleet": fleet.name, "region": view.region, "flavour": fleet.flavour, "until": until}
    slug = f"{fleet.name}-{key_part(view.region)}"
    marks = []
    for zone in sorted({z for z, size in _failed_waves(view, given) if size == 1}, key=str):
        key = f"exhausted-{slug}-{key_part(zone or 'any')}"
        reason = f"no host had room for a single {fleet.flavour}"
        marks.append(ExhaustedMark(key=key, zone=zone, reason=reason, **base))
    if any(s.placeless for s in view.sightings):
        reason = "quota of members: the balancer takes no more"
        marks.append(ExhaustedMark(key=_members_key(view, given), reason=reason, **base))
    if (broken := _broken_builds(view)) is not None:
        marks.append(ExhaustedMark(key=f"broken-{slug}", alarm=True, reason=broken, **base))
    if _canary_failed(view, given):
        key = f"silent-{slug}"
        reason = f"image {view.image_id} did not answer on its canary"
        marks.append(
            ExhaustedMark(key=key, image_id=view.image_id, alarm=True, reason=reason, **base)
        )
    return marks


def _members_key(view: RegionView, given: RoundInput) -> str:
    """The key of the mark that the region's balancer takes no more members."""
    return f"members-{given.fleet.name}-{key_part(view.region)}"


def _broken_builds(view: RegionView) -> str | None:
    """Why the region is to be left alone: a notable share of its servers fail while being built."""
    broken = [
        s.server
        for s in view.of(Phase.FAILED)
        if s.server.status == "ERROR" and not s.server.launched_at and not s.server.no_valid_host
    ]
    if not broken or len(broken) < _BROKEN_SHARE * len(view.sightings):
        return None
    return f"{len(broken)} servers ended in ERROR while being built: {broken[0].fault}"


def _failed_waves(view: RegionView, given: RoundInput) -> list[tuple[str | None, int]]:
    """Zone and size of each wave that found no host; the zone, where the estate names any.

    Where it names none, Nova still says in which zone the last host stood that it tried.
    """
    named = given.fleet.region(view.region).zones
    lost = [s.server for s in view.of(Phase.FAILED) if s.server.no_valid_host]
    sizes = Counter((server.wave or server.id, server.zone if named else None) for server in lost)
    return [(zone, wave_size(wave, size)) for (wave, zone), size in sorted(sizes.items(), key=str)]


def _canary_failed(view: RegionView, given: RoundInput) -> bool:
    if image_proven(view, given) or given.fleet.canary.policy is CanaryPolicy.NEVER:
        return False
    return any(
        s.opinion and s.member is None and s.server.image_id == view.image_id
        for s in view.of(Phase.FAILED)
    )


def _berth(
    view: RegionView, given: RoundInput, new: tuple[ExhaustedMark, ...], *, closed: frozenset[str]
) -> _Berth:
    fleet = given.fleet
    zones = _open_zones(view, given, new)
    failed = min((size for _, size in _failed_waves(view, given)), default=None)
    limit = _most(view, given, zones, new, failed=failed)
    if view.region in closed:
        limit = _Limit(view.living, "nothing that is said of its servers is believed")
    holds = view.living
    order = given.desired.regions
    rank = order.index(view.region) if view.region in order else len(order)
    weight = fleet.region(view.region).weight
    room = Room(view.region, weight, holds, limit.most, limit.told, rank)
    groups = view.snapshot.group_members if fleet.spread_hosts else None
    wave_most = min(fleet.wave_servers, groups or fleet.wave_servers)
    wave_most = wave_most if failed is None else max(1, min(wave_most, failed // 2))
    scouts = None
    if fleet.canary.policy is CanaryPolicy.UNPROVEN and not image_proven(view, given):
        afoot = sum(1 for s in view.sightings if s.alive and s.server.image_id == view.image_id)
        scouts = max(0, fleet.canary.servers - afoot)
    return _Berth(view, room, zones, wave_most, groups, limit.frees, scouts)


def _open_zones(
    view: RegionView, given: RoundInput, new: tuple[ExhaustedMark, ...]
) -> tuple[str | None, ...]:
    """The zones of the region that are not marked as without hosts; `None`: the cloud chooses."""
    zones: tuple[str | None, ...] = given.fleet.region(view.region).zones or (None,)
    closed = {
        mark.zone
        for mark in (*given.book.exhausted, *new)
        if _speaks_of(mark, view, given) and mark.image_id is None
    }
    return () if None in closed else tuple(zone for zone in zones if zone not in closed)


def _speaks_of(mark: ExhaustedMark, view: RegionView, given: RoundInput) -> bool:
    fleet: Fleet = given.fleet
    about = (mark.fleet, mark.region) == (fleet.name, view.region)
    fits = mark.flavour in (None, fleet.flavour) and mark.image_id in (None, view.image_id)
    return about and fits and mark.until > given.now


def _by_reach(mark: ExhaustedMark) -> tuple[bool, bool]:
    """First the silent image, then what closes the whole region, then what closes a zone."""
    return (mark.image_id is None, mark.zone is not None)


def _most(
    view: RegionView,
    given: RoundInput,
    zones: tuple[str | None, ...],
    new: tuple[ExhaustedMark, ...],
    *,
    failed: int | None,
) -> _Limit:
    """Most servers that the region may hold, and which limit says so."""
    holds = view.living
    if not view.readable:
        return _Limit(holds, f"cannot be read: {view.trouble}")
    if (trouble := view.snapshot.launch_trouble) is not None:
        return _Limit(holds, trouble)
    if (lacking := _lacking(view, given)) is not None:
        return _Limit(holds, lacking)
    known = [m for m in (*given.book.exhausted, *new) if _speaks_of(m, view, given)]
    if not zones or any(m.image_id is not None for m in known):
        mark = min(known, key=_by_reach)
        return _Limit(holds, mark.reason, frees=mark.key == _members_key(view, given))
    if (rest := rest_of(view.region, view.image_id, given)) is not None:
        return _Limit(holds, rest.reason)
    limits: list[_Limit] = []
    if (cap := given.fleet.region(view.region).cap) is not None:
        # Until the sick leave they stand there too, beside those that are to replace them.
        sick = sum(1 for s in view.of(Phase.FAILED) if s.member is not None)
        limits.append(_Limit(max(holds, cap - sick), f"cap {cap}", frees=True))
    if (room := view.snapshot.headroom.servers) is not None:
        told = f"quota of {view.snapshot.headroom.binding}"
        limits.append(_Limit(holds + room, told, frees=True))
    if failed is not None:
        limits.append(_Limit(holds + failed, "a wave found no host: tried again as halves"))
    return min(limits, default=_Limit(None, "no known limit"))


def _waves(berth: _Berth, servers: int, given: RoundInput, *, first: int) -> list[Launch]:
    if berth.view.image_id is None:
        return []
    scouting = berth.scouts is not None
    launches = []
    sizes = [(z, n) for z, part in _by_zone(berth, servers) for n in waves(part, berth.wave_most)]
    for index, (zone, size) in enumerate(sizes, start=first):
        wave = wave_name(given.now, given.run, index, size)
        launches.append(
            Launch(
                region=berth.view.region,
                wave=wave,
                servers=size,
                image_id=berth.view.image_id,
                zone=zone,
                canary=scouting,
                # A canary alone in a group would take the place of a whole wave.
                group_members=None if scouting else berth.group_members,
                reason="canary: the image has not served here yet"
                if scouting
                else f"{given.desired.servers} desired: {given.desired.reasons[0]}",
            )
        )
    return launches


def _by_zone(berth: _Berth, servers: int) -> list[tuple[str | None, int]]:
    """How many go to each open zone, one after the other to the emptiest.

    Those that have just found no host there count as well: so the other zones come first.
    """
    seen = berth.view.sightings
    stand = Counter(s.server.zone for s in seen if s.alive or s.server.no_valid_host)
    added = dict.fromkeys(berth.zones, 0)
    for _ in range(servers):
        emptiest = min(berth.zones, key=lambda zone: stand[zone] + added[zone])
        added[emptiest] += 1
    return list(added.items())


def _hopes(views: tuple[RegionView, ...], given: RoundInput) -> list[Wait]:
    """What may pass and then give room, where there is none now."""
    hopes = []
    for view in views:
        marks = (m.reason for m in given.book.exhausted if m.passing and _speaks_of(m, view, given))
        rest = rest_of(view.region, view.image_id, given)
        resting = rest.reason if rest and not rest.alarm else None
        trouble = view.snapshot.launch_trouble or next(marks, None) or resting
        if view.readable and trouble:
            hopes.append(Wait(region=view.region, reason=trouble))
    return hopes


def _lacking(view: RegionView, given: RoundInput) -> str | None:
    """What the region has not got for a launch; None where nothing is lacking, or not known."""
    if view.snapshot.unlaunchable is not None:
        return view.snapshot.unlaunchable
    if view.image_id is not None or view.snapshot.launch_trouble is not None:
        return None
    rollout = rolling(given.book, given.fleet.name, given.now)
    wanted = f"is called {rollout.image}" if rollout else f"matches {given.fleet.image}"
    return f"no active image {wanted}"


def _lacking_alarms(
    views: tuple[RegionView, ...], given: RoundInput, *, asked: int
) -> tuple[str, ...]:
    return tuple(
        f"{view.region}: {lacking}"
        for view in views
        if asked and view.readable and (lacking := _lacking(view, given)) is not None
    )


def _mourning(views: tuple[RegionView, ...], given: RoundInput) -> tuple[str, ...]:
    """The alarms about regions in which servers die again and again."""
    rests = ((view.region, rest_of(view.region, view.image_id, given)) for view in views)
    return tuple(f"{region}: {rest.reason}" for region, rest in rests if rest and rest.alarm)
