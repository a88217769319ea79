"""A fleet at a glance, in sections that any screen can show: a terminal, an artifact.

As an operator reads it from the top: how many are desired, why, and how many there are; alarms;
each region with its phases; the sick; what is claimed, capped and frozen; what a round would do;
the last runs; what nobody knows; the next evenings.
"""

from collections.abc import Iterable
from datetime import timedelta

from springtide.errors import Misconfigured
from springtide.model.base import Moment
from springtide.model.fleet import Fleet
from springtide.model.glance import FleetGlance, FlowRun, Section
from springtide.model.server import Phase
from springtide.model.window import Evening, SkippedEvening, Window
from springtide.planning.claim_changes import entry_rows
from springtide.planning.evening_window import evenings
from springtide.planning.leftover_sweep import NOTHING_FOUND
from springtide.planning.phases import Sighting, sight_region
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.telling import Row, plan_rows, plan_summary

_DAYS_AHEAD = 21
_MOST_EVENINGS = 5
_LONGEST_MESSAGE = 160


def glance_sections(glance: FleetGlance, fleet: Fleet) -> tuple[Section, ...]:
    """The screen's sections, in order; one without anything to say is left out."""
    found = (
        Section(title=f"Fleet {fleet.name}", text=plan_summary(glance.plan)),
        _alarms(glance),
        Section(title="Regions", rows=_rows(_region_rows(glance, fleet))),
        Section(title="Sick", rows=_rows(_sick_rows(glance, fleet))),
        Section(title="Claims", rows=_rows(_claim_rows(glance, fleet))),
        Section(title="Next round", rows=_rows(plan_rows(glance.plan))),
        Section(title="Last runs", rows=_rows(_run_row(run) for run in glance.runs)),
        _leftovers(glance),
        Section(title="Next evenings", rows=_rows(_evening_row(e) for e in glance.evenings)),
    )
    return tuple(section for section in found if section.text or section.rows)


def glance_markdown(sections: Iterable[Section]) -> str:
    """The sections as Markdown."""
    return "\n\n".join(part for section in sections for part in _markdown(section))


def coming_evenings(
    windows: Iterable[Window], calendar: SchoolCalendar, now: Moment
) -> tuple[Evening | SkippedEvening, ...]:
    """The next dates of these windows, skipped ones too, in order; those that are known."""
    found: list[Evening | SkippedEvening] = []
    for window in windows:
        today = now.astimezone(window.zone).date()
        last = today + timedelta(days=_DAYS_AHEAD)
        try:
            said = evenings(window, calendar, first=today, last=last)
        except Misconfigured:
            # Readiness tells that the calendar ends; what is known until then is shown day by day.
            continue
        found += [_local(each, window) for each in said]
    coming = [e for e in found if isinstance(e, SkippedEvening) or now < e.closes_at]
    return tuple(sorted(coming, key=lambda e: (e.date, e.window))[:_MOST_EVENINGS])


def _local(evening: Evening | SkippedEvening, window: Window) -> Evening | SkippedEvening:
    """The evening with its times as the window's own clock shows them."""
    if isinstance(evening, SkippedEvening):
        return evening
    moments = ("claim_starts_at", "opens_at", "claim_ends_at", "closes_at")
    return evening.model_copy(
        update={name: getattr(evening, name).astimezone(window.zone) for name in moments}
    )


def _alarms(glance: FleetGlance) -> Section:
    told = (*glance.plan.alarms, *glance.troubles)
    return Section(title="Alarms", rows=tuple({"alarm": each} for each in told))


def _region_rows(glance: FleetGlance, fleet: Fleet) -> Iterable[Row]:
    allotted = {each.region: each for each in glance.plan.allotments}
    snapshots = {region.region: region for region in glance.observation.snapshot.regions}
    for region in fleet.regions:
        phases, allotment = glance.plan.phases.get(region.name, {}), allotted.get(region.name)
        snapshot = snapshots.get(region.name)
        counts = {phase.value: phases.get(phase, 0) or "" for phase in Phase}
        trouble = snapshot.trouble if snapshot else "not looked at"
        yield {
            "region": region.name,
            "planned": allotment.servers if allotment else "",
            **counts,
            "note": trouble or (allotment.reason if allotment else ""),
        }


def _sick_rows(glance: FleetGlance, fleet: Fleet) -> Iterable[Row]:
    for sighting in _sightings(glance, fleet):
        state = _ailment(sighting)
        if state is not None:
            yield {
                "server": sighting.server.name,
                "id": sighting.server.id,
                "region": sighting.server.region,
                "state": state,
                "why": sighting.server.held_by if state == "held" else sighting.why,
            }


def _ailment(sighting: Sighting) -> str | None:
    """`failed`, `held` by a person, `doubted` by its last checks, or None."""
    if sighting.held:
        return "held"
    if sighting.phase is Phase.FAILED:
        return "failed"
    doubted = sighting.health is not None and sighting.health.failed > 0
    return "doubted" if doubted else None


def _sightings(glance: FleetGlance, fleet: Fleet) -> Iterable[Sighting]:
    for region in glance.observation.snapshot.regions:
        yield from sight_region(region, fleet, glance.observation.now)


def _claim_rows(glance: FleetGlance, fleet: Fleet) -> Iterable[Row]:
    """What speaks now, in the decision's own words; then all that is stored, with its end."""
    for reason in glance.plan.desired.reasons:
        yield {"what": "now", "says": reason, "until": "", "name": ""}
    book = glance.observation.book
    mine = book.model_copy(
        update={
            "claims": tuple(c for c in book.claims if c.fleet == fleet.name),
            "ceilings": tuple(c for c in book.ceilings if c.fleet == fleet.name),
            "freezes": tuple(f for f in book.freezes if f.covers(fleet.name)),
        }
    )
    for row in entry_rows(mine):
        servers = f"{row['servers']} servers, " if row["servers"] != "" else ""
        says = f"{row['owner']}: {servers}{row['reason']}"
        yield {"what": row["what"], "says": says, "until": row["until"], "name": row["name"]}


def _run_row(run: FlowRun) -> Row:
    began = f"{run.began_at:%a %Y-%m-%d %H:%M %Z}" if run.began_at else ""
    return {
        "began": began,
        "run": run.name,
        "state": run.state,
        "seconds": f"{run.seconds:.0f}",
        "message": _short(run.message),
    }


def _leftovers(glance: FleetGlance) -> Section:
    shown = glance.leftovers
    if shown is None:
        return Section(title="Leftovers")
    text = f"{shown.summary} (sweep of {shown.at:%a %Y-%m-%d %H:%M %Z})"
    rows = tuple(row for row in shown.rows if row.get("verdict") != NOTHING_FOUND)
    return Section(title="Leftovers", text=text, rows=rows)


def _evening_row(evening: Evening | SkippedEvening) -> Row:
    row: Row = {"date": f"{evening.date:%a %Y-%m-%d}", "window": evening.window}
    if isinstance(evening, SkippedEvening):
        row |= {"from": "", "until": "", "servers": "skipped"}
    else:
        row |= {
            "from": f"{evening.claim_starts_at:%H:%M %Z}",
            "until": f"{evening.closes_at:%H:%M %Z}",
            "servers": evening.servers,
        }
    return row | {"why": evening.reason}


def _rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(rows)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def _markdown(section: Section) -> Iterable[str]:
    yield f"## {section.title}"
    if section.text:
        yield section.text
    if section.rows:
        heads = section.heads
        lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
        lines += [f"| {' | '.join(_cell(row.get(h, '')) for h in heads)} |" for row in section.rows]
        yield "\n".join(lines)


def _cell(value: str | int) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
