"""What nobody knows any more, and whether it may go.

As an operator reads it: what carries our tag belongs to a fleet of the estate, to a server that
stands, or to nobody. What belongs to nobody is told and remembered when a sweep sees it first, and
removed by a later sweep, if it is old enough by then. What says itself when it expires goes at once
after that. In doubt it stays: while it is being made or deleted, while a person holds it, while a
claim asks for its fleet, while it still serves, while freezes may hold that cannot be read. One
sweep removes so many things and no more.

A fleet that is missing in the estate may only have been renamed there: its servers that still serve
are told at each sweep and never removed.

Example: a port whose server was deleted on Monday at 21:52 is told by the sweep of 22:17, and
removed by that of 23:17.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.claim import ClaimBook, key_part
from springtide.model.estate import Estate
from springtide.model.leftover import (
    LeftoverKind,
    MarkedThing,
    RegionInventory,
    SightedNote,
    SweepFinding,
    SweepPlan,
    SweepResult,
    SweepVerdict,
)
from springtide.planning.telling import Row

SIGHTING_HOLDS = timedelta(days=2)
"""An older first sighting counts for nothing: the thing may have been known again in between."""
NOTHING_FOUND = "nothing"
"""Stands in the place of a verdict where a sweep has found nothing to judge."""
_KINDS = tuple(LeftoverKind)
_VERDICTS = tuple(SweepVerdict)


@dataclass(frozen=True)
class SweepInput:
    """What a sweep's decision rests on, beside what it sees."""

    estate: Estate
    book: ClaimBook
    now: Moment


def plan_leftover_sweep(inventories: tuple[RegionInventory, ...], given: SweepInput) -> SweepPlan:
    """What is to be removed, remembered or kept; what a plan knows is not in it."""
    read = [i for i in inventories if i.trouble is None]
    unread = {i.region: i.trouble for i in inventories if i.trouble is not None}
    things = [_with_note(thing, given.book) for i in read for thing in i.things]
    serving = {t.owner_id for t in things if t.kind is LeftoverKind.MEMBER and t.weight > 0}
    found = [_judge(t, given, serves=t.id in serving) for t in things if _unknown(t, given.estate)]
    found += _members_of_removed(things, found)
    ordered = _capped(sorted(found, key=_rank), given.estate.sweep.most_removals)
    ports = tuple(
        port for i in read for port in i.unmarked_ports if _untouchable(port, given) is None
    )
    return SweepPlan(at=given.now, findings=tuple(ordered), ports=ports, unread=unread)


def agreed(first: SweepPlan, second: SweepPlan) -> SweepPlan:
    """The second plan, with only those removals and marks that the first one wanted too."""
    wanted = {(f.thing.kind, f.thing.id, f.verdict) for f in first.findings}
    findings = tuple(
        f
        if f.verdict is SweepVerdict.KEEP or (f.thing.kind, f.thing.id, f.verdict) in wanted
        else SweepFinding(thing=f.thing, verdict=SweepVerdict.KEEP, reason="it is seen only now")
        for f in second.findings
    )
    return second.model_copy(update={"findings": findings})


def sighting_note(thing: MarkedThing, at: Moment) -> SightedNote | None:
    """What remembers the first sighting of a thing that can carry no tag; None for all others."""
    if thing.kind is not LeftoverKind.GROUP or thing.fleet is None:
        return None
    return SightedNote(
        key=f"{key_part(thing.region)}-{key_part(thing.id)}",
        fleet=thing.fleet,
        region=thing.region,
        thing_id=thing.id,
        sighted_at=at,
        until=at + SIGHTING_HOLDS,
    )


def residue_of(
    inventories: Iterable[RegionInventory], fleet: str, gone: frozenset[str], *, desired: int
) -> tuple[str, ...]:
    """What a fleet's closed window has left behind, each in words; empty: nothing.

    `gone` are servers that were seen to go: ports and members of theirs are residue whatever they
    carry. Servers are residue where none is desired. What cannot be read is told, too.
    """
    told: list[str] = []
    for region in inventories:
        if region.trouble is not None:
            told.append(f"{region.region} cannot be read: {region.trouble}")
        told += [t.where for t in region.things if _is_residue(t, fleet, gone, desired=desired)]
    return tuple(told)


def residue_rows(removed: tuple[str, ...], left: tuple[str, ...]) -> tuple[Row, ...]:
    """The two rows of a closing's outcome about leftovers."""
    return (
        {"measure": "leftovers removed", "value": len(removed)},
        {"measure": "left behind", "value": "; ".join(left) or "nothing"},
    )


def residue_told(left: tuple[str, ...]) -> str | None:
    """The promise of nothing left, as it was broken; None where it was kept."""
    return f"left behind: {'; '.join(left)}" if left else None


def sweep_rows(plan: SweepPlan) -> list[Row]:
    """The plan as a table."""
    rows: list[Row] = [
        {
            "verdict": f.verdict.value,
            "what": f.thing.kind.value,
            "where": f.thing.region,
            "name": f.thing.name or f.thing.id,
            "fleet": f.thing.fleet or "",
            "why": f.reason,
        }
        for f in plan.findings
    ]
    rows += [
        {"verdict": "not read", "what": "all", "where": r, "name": "", "fleet": "", "why": why}
        for r, why in sorted(plan.unread.items())
    ]
    nothing: Row = {"verdict": NOTHING_FOUND, "what": "", "where": "", "name": "", "fleet": ""}
    return rows or [nothing | {"why": "all that carries our tag is known to a plan"}]


def sweep_summary(plan: SweepPlan) -> str:
    """One line: how many go, how many are seen for the first time, how many stay."""
    counts = ", ".join(f"{len(plan.of(v))} {_SAID[v]}" for v in _VERDICTS)
    return f"{counts}; not read: {', '.join(sorted(plan.unread))}" if plan.unread else counts


def sweep_troubles(plan: SweepPlan, results: Iterable[SweepResult]) -> str | None:
    """What could not be done or read, in one line; None where all was."""
    said = [f"{r.thing.where}: {r.refused}" for r in results if r.refused is not None]
    said += [f"{region} cannot be read: {why}" for region, why in sorted(plan.unread.items())]
    return "; ".join(said) or None


_SAID: Mapping[SweepVerdict, str] = {
    SweepVerdict.REMOVE: "to remove",
    SweepVerdict.MARK: "seen for the first time",
    SweepVerdict.KEEP: "kept",
}


def _unknown(thing: MarkedThing, estate: Estate) -> bool:
    """Whether no plan knows the thing."""
    if thing.fleet in estate.sweep.spare_fleets:
        return False
    if thing.kind is LeftoverKind.SERVER:
        homes = {(f.name, r.name) for f in estate.fleets for r in f.regions}
        return (thing.fleet, thing.region) not in homes
    if thing.kind is LeftoverKind.GROUP:
        return not thing.in_use
    return not (thing.owner_id and thing.owner_stands)


def _judge(thing: MarkedThing, given: SweepInput, *, serves: bool) -> SweepFinding:
    keep = _why_kept(thing, given, serves=serves)
    if keep is not None:
        return SweepFinding(thing=thing, verdict=SweepVerdict.KEEP, reason=keep)
    now, policy = given.now, given.estate.sweep
    if thing.expires_at is not None and thing.expires_at <= now:
        reason = f"it says itself that it expires at {_clock(thing.expires_at)}"
        return SweepFinding(thing=thing, verdict=SweepVerdict.REMOVE, reason=reason)
    sighted = thing.sighted_at
    if sighted is None or now - sighted > SIGHTING_HOLDS:
        return SweepFinding(thing=thing, verdict=SweepVerdict.MARK, reason=_whose(thing))
    due = max(
        sighted + timedelta(minutes=policy.second_sighting_minutes),
        (thing.created_at or sighted) + timedelta(minutes=policy.min_age_minutes),
    )
    if now < due:
        reason = f"{_whose(thing)}; it may go from {_clock(due)} on"
        return SweepFinding(thing=thing, verdict=SweepVerdict.KEEP, reason=reason)
    reason = f"{_whose(thing)}; first seen at {_clock(sighted)}"
    return SweepFinding(thing=thing, verdict=SweepVerdict.REMOVE, reason=reason)


def _why_kept(thing: MarkedThing, given: SweepInput, *, serves: bool) -> str | None:
    """Why the thing stays whatever its age is; None: nothing speaks for it."""
    if thing.in_change is not None:
        return f"it is in change: {thing.in_change}"
    if thing.held_until is not None and given.now < thing.held_until:
        return f"a person holds it until {_clock(thing.held_until)}"
    return _untouchable(thing, given) or (
        _spoken_for(thing, given, serves=serves)
        if thing.kind is LeftoverKind.SERVER
        else _in_doubt(thing)
    )


def _in_doubt(thing: MarkedThing) -> str | None:
    """Why a port or a member may still have its server."""
    if thing.owner_id is None or thing.owner_stands is not None:
        return None
    return f"it is not known whether its server {thing.owner_id} stands"


def _spoken_for(server: MarkedThing, given: SweepInput, *, serves: bool) -> str | None:
    """Why a server may still be wanted: by a claim, or by those whom it serves."""
    now = given.now
    holding = (c for c in given.book.claims if c.fleet == server.fleet and c.active_at(now))
    claim = next(holding, None)
    if claim is not None:
        return f"{claim.owner} asks for {claim.servers} of its fleet: {claim.reason}"
    expired = server.expires_at is not None and server.expires_at <= now
    if serves and not expired:
        return f"{_whose(server)}, and still it serves: take it out of its pool first"
    return None


def _untouchable(thing: MarkedThing, given: SweepInput) -> str | None:
    """Why nothing of its fleet may be changed now; a freeze that cannot be read may hold, too."""
    if given.book.trouble:
        return f"not all claims are known: {given.book.trouble}"
    freeze = given.book.frozen_by(thing.fleet or "", given.now)
    return None if freeze is None else f"frozen by {freeze.owner}: {freeze.reason}"


def _whose(thing: MarkedThing) -> str:
    if thing.kind is LeftoverKind.GROUP:
        return "no server is in it"
    if thing.kind is not LeftoverKind.SERVER:
        return f"its server {thing.owner_id} is gone" if thing.owner_id else "it has no server"
    return f"the estate has no fleet {thing.fleet or 'of its tag'} in {thing.region}"


def _members_of_removed(
    things: Iterable[MarkedThing], found: Iterable[SweepFinding]
) -> list[SweepFinding]:
    """Members of the servers that go: they go with them, and before them."""
    going = {
        f.thing.id
        for f in found
        if f.verdict is SweepVerdict.REMOVE and f.thing.kind is LeftoverKind.SERVER
    }
    return [
        SweepFinding(thing=t, verdict=SweepVerdict.REMOVE, reason="its server goes")
        for t in things
        if t.kind is LeftoverKind.MEMBER and t.owner_id in going and t.owner_stands
    ]


def _capped(findings: Iterable[SweepFinding], most: int) -> list[SweepFinding]:
    """The findings with removals beyond the cap put off."""
    left, capped = most, []
    for finding in findings:
        if finding.verdict is SweepVerdict.REMOVE:
            left -= 1
            if left < 0:
                reason = f"one sweep removes {most} at most: the next one goes on"
                update = {"verdict": SweepVerdict.KEEP, "reason": reason}
                capped.append(finding.model_copy(update=update))
                continue
        capped.append(finding)
    return capped


def _rank(finding: SweepFinding) -> tuple[int, int, str, str]:
    thing = finding.thing
    return (_VERDICTS.index(finding.verdict), _KINDS.index(thing.kind), thing.region, thing.id)


def _with_note(thing: MarkedThing, book: ClaimBook) -> MarkedThing:
    """The thing with what a note remembers of it, where it can carry no tag itself."""
    if thing.sighted_at is not None:
        return thing
    known = (n for n in book.sighted if (n.region, n.thing_id) == (thing.region, thing.id))
    note = next(known, None)
    return thing if note is None else thing.model_copy(update={"sighted_at": note.sighted_at})


def _is_residue(thing: MarkedThing, fleet: str, gone: frozenset[str], *, desired: int) -> bool:
    if thing.kind is LeftoverKind.SERVER:
        return thing.fleet == fleet and desired == 0
    if thing.kind is LeftoverKind.GROUP:
        return thing.fleet == fleet and not thing.in_use and thing.in_change is None
    if thing.in_change == "PENDING_DELETE":
        return False
    ours = thing.fleet == fleet or thing.owner_id in gone
    return ours and bool(thing.owner_id) and thing.owner_stands is False


def _clock(moment: Moment) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
