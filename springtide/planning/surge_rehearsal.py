"""What a surge's rehearsal (`surge_rehearsal`) is made of, and what it says of a real surge.

As an operator reads it: the sandbox gets the fleet's regions, each with room for as many servers as
the real one has left for the whole fleet (what it may still have, and what stands), by the same
limits. A region that lacks something a launch needs is left out and told. Boots are as long as
those of the servers that stand, or as was said; they may be run through quicker than they are, and
then each server's boot is put back to its full length, the canary's before the region's others. All
else (calls, their pace, looks, joins) takes on the sandbox the time that it takes in earnest, less
the cloud's own time for each call.

Example: a boot of 120 s at ten times the speed takes 12 s. A server that serves 15 s after the
start serves 15 + 108 = 123 s after it in a real surge; behind a canary of the same boot, 231 s.
"""

from collections.abc import Iterable
from math import ceil, floor

from pydantic import ValidationError

from springtide.errors import GuardRefused
from springtide.model.claim import ClaimBook
from springtide.model.fleet import Fleet
from springtide.model.mistakes import mistakes
from springtide.model.outcome import Outcome
from springtide.model.plan import Launch, Shortfall
from springtide.model.readiness import CloudReport, RegionReport
from springtide.model.rehearsal import (
    BootRange,
    Measures,
    RegionRehearsal,
    RehearsalReport,
    RehearsalSettings,
    RehearsalWish,
    RehearsedServer,
    Sightings,
)
from springtide.model.server import Server
from springtide.model.snapshot import Headroom
from springtide.model.startup import StartupNote
from springtide.model.surge import SurgeCost, SurgeRequest
from springtide.planning.emergency_surge import surge_plan
from springtide.planning.startup_times import percentile
from springtide.planning.surge_room import LIMITS, bars_launches, servers_left
from springtide.planning.telling import Row

_ENOUGH_BOOTS = 5
"""Fewer boots tell little of what hundreds would take."""
_MOST_SHARE = 0.95


def measures_of(
    report: CloudReport, servers: Iterable[Server], notes: Iterable[StartupNote] = ()
) -> Measures:
    """What was read of the real cloud, as a rehearsal takes it; `servers` stand there now.

    Where too few stand, boots are those that the fleet's notes remember.

    Raises:
        GuardRefused: the credentials are refused: nothing was measured.
    """
    if report.credential.refused is not None:
        raise GuardRefused(f"nothing can be measured: {report.credential.refused}")
    lacking = {
        region.region: "; ".join(t.detail for t in region.troubles if bars_launches(t))
        for region in report.regions
    }
    return Measures(
        rooms={region.region: _room(region) for region in report.regions},
        lacking={name: why for name, why in lacking.items() if why},
        boot=_boots(servers) or _remembered(notes),
    )


def rehearsal_settings(
    fleet: Fleet, request: SurgeRequest, given: dict[str, object], measures: Measures
) -> RehearsalSettings:
    """What is rehearsed: what was said, else what was measured, else boots of 60 to 180 s.

    `given` are the fields of a `RehearsalWish`.

    Raises:
        GuardRefused: a field is wrong, boots outlast the fleet's patience, or no region has room.
    """
    try:
        wish = RehearsalWish.model_validate(given)
        boot = _boot_range(wish, measures.boot)
    except ValidationError as error:
        raise GuardRefused("; ".join(mistakes(error, RehearsalWish))) from error
    _check_regions(wish, fleet)
    _check_patience(boot, wish, fleet)
    rooms = {n: room for n, room in measures.rooms.items() if n not in measures.lacking}
    rooms |= {name: Headroom(instances=servers) for name, servers in wish.quota.items()}
    lacking = {n: why for n, why in measures.lacking.items() if n not in wish.quota}
    full = {n: f"quota of {room.binding}" for n, room in rooms.items() if room.servers == 0}
    if all(region.name in lacking | full for region in fleet.regions):
        told = "; ".join(f"{name}: {why}" for name, why in (lacking | full).items())
        raise GuardRefused(f"no region has room for a single server: {told}")
    return RehearsalSettings(
        request=request,
        boot=boot,
        boot_measured=measures.boot is not None and boot == measures.boot,
        answer_s=wish.answer_s,
        rooms=rooms,
        lacking=lacking | full,
        proven=wish.proven,
        speed=wish.speed,
        seed=wish.seed,
    )


def canary_waves(outcome: Outcome) -> frozenset[str]:
    """Tags of the waves for which the rest of their region waited."""
    actions = (result.action for each in outcome.rounds for result in each.results)
    return frozenset(a.wave for a in actions if isinstance(a, Launch) and a.canary)


def rehearsal_report(
    settings: RehearsalSettings,
    fleet: Fleet,
    seen: Sightings,
    *,
    outcome: Outcome,
    cost: SurgeCost | None,
) -> RehearsalReport:
    """How the surge would go; `fleet` is the real one."""
    request, asked, beyond = settings.request, settings.request.servers, tuple[str, ...]()
    if fleet.surge is not None:
        book, first = ClaimBook(), outcome.first
        beyond = surge_plan(request, fleet.surge, cost, first=first, book=book).beyond
    times = real_times(seen.servers, settings)
    every = sorted(seconds for by in times.values() for seconds in by)
    regions = tuple(_region(r.name, times.get(r.name, []), settings, fleet) for r in fleet.regions)
    return RehearsalReport(
        settings=settings,
        ending=outcome.ending,
        serving=len(every),
        first_s=_nth(every, 1),
        half_s=_nth(every, ceil(asked / 2)),
        most_s=_nth(every, ceil(asked * _MOST_SHARE)),
        all_s=_nth(every, asked),
        last_s=_nth(every, len(every)),
        regions=regions,
        shortfall=_shortfall(asked - len(every), regions, outcome),
        calls=dict(sorted(seen.calls.items())),
        cost=cost,
        beyond=beyond,
        seconds=seen.seconds,
    )


def real_times(
    servers: Iterable[RehearsedServer], settings: RehearsalSettings
) -> dict[str, list[float]]:
    """By region, when each server would serve in a real surge: seconds from its start, sorted."""
    known = tuple(servers)
    behind: dict[str, float] = {}
    for server in known:
        if server.canary:
            longest = max(behind.get(server.region, 0.0), _spared_s(server, settings))
            behind[server.region] = longest
    times: dict[str, list[float]] = {}
    for server in known:
        waited_s = 0.0 if server.canary else behind.get(server.region, 0.0)
        seconds = server.served_after_s + _spared_s(server, settings) + waited_s
        times.setdefault(server.region, []).append(round(seconds, 1))
    return {region: sorted(by) for region, by in times.items()}


def rehearsal_rows(report: RehearsalReport) -> list[Row]:
    """The report as a table of measures."""
    asked, rows = report.servers, list[Row]()
    for measure, seconds in (
        ("first one serves", report.first_s),
        (f"{ceil(asked / 2)} serve (half)", report.half_s),
        (f"{ceil(asked * _MOST_SHARE)} serve (95 %)", report.most_s),
        (f"{asked} serve (all)", report.all_s),
    ):
        rows.append(_row(measure, "never" if seconds is None else _after(seconds)))
    rows.append(_row("servers that serve", f"{report.serving} of {asked}"))
    if report.shortfall is not None:
        why = f"{report.shortfall.servers}: {report.shortfall.reason}"
        rows.append(_row("shortfall", why))
    rows += [_row(f"in {region.region}", _told(region)) for region in report.regions]
    if (cost := report.cost) is not None:
        rows.append(_row("cost an hour, without VAT", f"{cost.per_hour:.2f} {cost.currency}"))
        most = f"{cost.total:.2f} {cost.currency}"
        rows.append(_row(f"at most, {cost.paid_hours} paid hours", most))
    rows += [_row("beyond what is authorised", why) for why in report.beyond]
    rows += [_row(f"calls to {service}, as rehearsed", n) for service, n in report.calls.items()]
    return [*rows, *_terms(report)]


def rehearsal_summary(report: RehearsalReport) -> str:
    """One line: `all 300 serve after 3 min 12 s`, or how many, when, and why not all."""
    if report.all_s is not None:
        return f"all {report.servers} serve after {_after(report.all_s)}"
    reached = f"{report.serving} of {report.servers} serve"
    when = "" if report.last_s is None else f" after {_after(report.last_s)}"
    why = f"; {report.shortfall.reason}" if report.shortfall else ""
    return f"{reached}{when}{why}"


def _room(report: RegionReport) -> Headroom:
    """For how many servers of the whole fleet each limit has room: what stands has its part."""
    stand = report.servers or 0
    lefts = {check.name.lower(): servers_left(report, check) for check in LIMITS}
    return Headroom.model_validate(
        {name: None if left is None else left + stand for name, left in lefts.items()}
    )


def _boots(servers: Iterable[Server]) -> BootRange | None:
    """The quickest and the slowest boot of those that stand; None where too few do."""
    took = (s.launched_at - s.created_at for s in servers if s.launched_at is not None)
    # Nova tells whole seconds, of two services' clocks.
    seconds = [max(0.0, each.total_seconds()) for each in took]
    if len(seconds) < _ENOUGH_BOOTS:
        return None
    return BootRange(least_s=floor(min(seconds)), most_s=ceil(max(seconds)))


def _remembered(notes: Iterable[StartupNote]) -> BootRange | None:
    """The boots of earlier evenings, from the quickest to the 95th percentile of them."""
    seconds = [each for note in notes for each in note.active_s]
    if len(seconds) < _ENOUGH_BOOTS:
        return None
    return BootRange(least_s=min(seconds), most_s=percentile(seconds, _MOST_SHARE))


def _boot_range(wish: RehearsalWish, measured: BootRange | None) -> BootRange:
    """One end that is said moves the other that is not said."""
    known = measured or BootRange()
    least, most = wish.boot_least_s, wish.boot_most_s
    if least is None:
        least = known.least_s if most is None else min(known.least_s, most)
    if most is None:
        most = max(known.most_s, least)
    return BootRange(least_s=least, most_s=most)


def _check_regions(wish: RehearsalWish, fleet: Fleet) -> None:
    known = [region.name for region in fleet.regions]
    unknown = [name for name in wish.quota if name not in known]
    if unknown:
        raise GuardRefused(f"quota: given {unknown[0]}, must be one of {', '.join(known)}")


def _check_patience(boot: BootRange, wish: RehearsalWish, fleet: Fleet) -> None:
    """Servers that take longer are deleted and replaced: that is no rehearsal of their boot."""
    for field, given, limit, most in (
        ("boot_most_s", boot.most_s, "boot_s", fleet.timeouts.boot_s),
        ("answer_s", wish.answer_s, "answer_s", fleet.timeouts.answer_s),
    ):
        if given and given >= most:
            raise GuardRefused(
                f"{field}: given {given:g}, must be below the fleet's timeouts.{limit}, {most:g}:"
                " such servers are given up and replaced"
            )


def _spared_s(server: RehearsedServer, settings: RehearsalSettings) -> float:
    """How much longer the server's boot and first answer really take."""
    speed = settings.speed
    return server.boot_s * (speed - 1) + settings.answer_s * (1 - 1 / speed)


def _nth(times: list[float], number: int) -> float | None:
    """When that many served; None where they never did."""
    return times[number - 1] if 0 < number <= len(times) else None


def _region(
    name: str, times: list[float], settings: RehearsalSettings, fleet: Fleet
) -> RegionRehearsal:
    """`times` are those of its servers, sorted."""
    room, cap = settings.rooms.get(name, Headroom()), fleet.region(name).cap
    limits = [] if cap is None else [(cap, f"cap {cap}")]
    if room.servers is not None:
        limits.append((room.servers, f"quota of {room.binding}"))
    if name in settings.lacking:
        limits.append((0, settings.lacking[name]))
    most, limit = min(limits, key=lambda one: one[0], default=(None, "no known limit"))
    return RegionRehearsal(
        region=name,
        serving=len(times),
        first_s=_nth(times, 1),
        all_s=_nth(times, len(times)),
        room=most,
        limit=limit,
    )


def _shortfall(
    missing: int, regions: tuple[RegionRehearsal, ...], outcome: Outcome
) -> Shortfall | None:
    if missing <= 0:
        return None
    full = [f"{r.region}: {r.limit}" for r in regions if r.room is not None and r.serving >= r.room]
    told = outcome.last.shortfall
    waits = [wait.reason for wait in outcome.last.waits]
    reasons = full or ([told.reason] if told else []) or waits or ["time was up"]
    return Shortfall(servers=missing, reason="; ".join(reasons))


def _told(region: RegionRehearsal) -> str:
    room = region.limit if region.room is None else f"room for {region.room}, {region.limit}"
    if region.first_s is None or region.all_s is None:
        return f"none; {room}"
    span = f"the first after {_after(region.first_s)}, the last after {_after(region.all_s)}"
    return f"{region.serving}: {span}; {room}"


def _terms(report: RehearsalReport) -> list[Row]:
    """What it was made under."""
    settings = report.settings
    boot, how = settings.boot, "measured" if settings.boot_measured else "assumed"
    image = "has served before" if settings.proven else "new: a canary in each region"
    quicker = "" if settings.speed == 1 else f", boots {settings.speed:g} times as quick"
    return [
        _row("boots", f"{boot.least_s:g} to {boot.most_s:g} s, {how}"),
        _row("first answer after", f"{settings.answer_s:g} s"),
        _row("image", image),
        _row("rehearsed in", f"{report.seconds:.0f} s{quicker}"),
    ]


def _after(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _row(measure: str, value: str | int) -> Row:
    return {"measure": measure, "value": value}
