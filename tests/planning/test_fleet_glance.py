"""A fleet at a glance: what stands on the screen, and what is left out."""

from datetime import timedelta

import pytest

from springtide.model.claim import Ceiling, Claim, ClaimBook, ClaimKind, Freeze
from springtide.model.glance import FleetGlance, FlowRun, Section, ShownTable
from springtide.model.snapshot import Observation
from springtide.model.window import Evening, SkippedEvening
from springtide.planning.fleet_glance import coming_evenings, glance_markdown, glance_sections
from tests.planning.fleet_world import START, FleetWorld, a_fleet, desired
from tests.planning.windows import ALL_ZONES, CALENDAR, a_calendar, a_window, utc

HOUR = timedelta(hours=1)
INTERVAL: dict[str, object] = {
    "starts_at": START - HOUR,
    "ends_at": START + HOUR,
    "owner": "operations",
    "reason": "more traffic",
}


def a_glance(world: FleetWorld, book: ClaimBook | None = None, **changes: object) -> FleetGlance:
    """The world as it is looked at, with six servers desired."""
    observation = Observation(now=world.now, snapshot=world.snapshot(), book=book or ClaimBook())
    base: dict[str, object] = {"plan": world.plan(desired(6)), "observation": observation}
    return FleetGlance.model_validate(base | changes)


def sections(glance: FleetGlance) -> dict[str, Section]:
    """The screen's sections by their titles."""
    return {section.title: section for section in glance_sections(glance, a_fleet())}


def settled() -> FleetWorld:
    """Six servers that serve."""
    world = FleetWorld()
    world.settle(desired(6))
    return world


def test_the_quiet_screen_is_short() -> None:
    """Nothing sick, no runs, no leftovers, no windows: those sections are left out."""
    found = sections(a_glance(settled()))
    assert ["Fleet api", "Regions", "Claims", "Next round"] == list(found)
    assert "6 desired: test asks for 6. Now: 6 serving." == found["Fleet api"].text
    rows = found["Regions"].rows
    assert [("GRA11", 2, 2), ("RBX1", 2, 2), ("SBG5", 2, 2)] == [
        (row["region"], row["planned"], row["serving"]) for row in rows
    ]
    assert {""} == {row["failed"] for row in rows}


def test_a_sick_server_and_a_silent_region_are_told() -> None:
    """By name and by why; an alarm stands above all tables."""
    world = settled()
    sick, held = (s for s in world.servers.values() if s.region == "GRA11")
    dead = {"status": "ERROR", "fault": "its host died"}
    world.servers[sick.id] = sick.model_copy(update=dead)
    world.members["GRA11"].pop(sick.address)
    kept = {"held_until": START + 9 * HOUR, "held_by": "operations: a memory dump"}
    world.servers[held.id] = held.model_copy(update=kept)
    glance = a_glance(world, troubles=("Prefect does not answer",))
    regions = tuple(
        r.model_copy(update={"trouble": "no answer"}) if r.region == "SBG5" else r
        for r in glance.observation.snapshot.regions
    )
    snapshot = glance.observation.snapshot.model_copy(update={"regions": regions})
    observation = glance.observation.model_copy(update={"snapshot": snapshot})
    found = sections(glance.model_copy(update={"observation": observation}))
    assert {
        (sick.id, "failed", "its host died"),
        (held.id, "held", "operations: a memory dump"),
    } == {(row["id"], row["state"], row["why"]) for row in found["Sick"].rows}
    assert "no answer" == found["Regions"].rows[2]["note"]
    assert [{"alarm": "Prefect does not answer"}] == list(found["Alarms"].rows)


def test_claims_of_this_fleet_are_shown_with_their_ends() -> None:
    """What decides now in its own words, then what is stored; another fleet's is not ours."""
    surge = Claim.model_validate(
        {"key": "s-1", "fleet": "api", "kind": ClaimKind.SURGE, "servers": 80, **INTERVAL}
    )
    other = surge.model_copy(update={"key": "s-2", "fleet": "web"})
    ceiling = Ceiling.model_validate({"key": "c-1", "fleet": "api", "servers": 9, **INTERVAL})
    freeze = Freeze.model_validate({"key": "f-1", "fleet": "*", **INTERVAL})
    book = ClaimBook(claims=(surge, other), ceilings=(ceiling,), freezes=(freeze,))
    rows = sections(a_glance(settled(), book))["Claims"].rows
    assert [
        ("now", "test asks for 6"),
        ("ceiling", "operations: 9 servers, more traffic"),
        ("freeze", "operations: more traffic"),
        ("surge", "operations: 80 servers, more traffic"),
    ] == [(row["what"], row["says"]) for row in rows]
    assert "2026-11-23 16:00 UTC" == rows[3]["until"]


def test_last_runs_leftovers_and_evenings_follow() -> None:
    """As Prefect told them; a long message is cut."""
    run = FlowRun(
        flow="keep-fleet", name="keep api", state="Failed", message="x" * 500, began_at=START
    )
    swept = ShownTable(
        at=START,
        summary="1 to remove",
        rows=({"verdict": "remove", "what": "port"}, {"verdict": "nothing", "what": ""}),
    )
    evening, skipped = coming_evenings([a_window()], a_calendar(), utc("2026-11-10T21:00"))[:2]
    found = sections(a_glance(settled(), runs=(run,), leftovers=swept, evenings=(evening, skipped)))
    (row,) = found["Last runs"].rows
    assert ("keep api", "Failed", 160) == (row["run"], row["state"], len(str(row["message"])))
    assert "1 to remove (sweep of Mon 2026-11-23 15:00 UTC)" == found["Leftovers"].text
    assert 1 == len(found["Leftovers"].rows)
    assert ["skipped", 30] == [row["servers"] for row in found["Next evenings"].rows]


@pytest.mark.parametrize(
    ("now", "first"),
    [
        pytest.param("2026-11-23T20:59:59", "2026-11-23", id="under way"),
        pytest.param("2026-11-23T21:00", "2026-11-24", id="over"),
    ],
)
def test_the_next_evenings_are_those_that_are_not_over(now: str, first: str) -> None:
    """Five of them, in order."""
    found = coming_evenings([a_window()], CALENDAR, utc(now))
    assert (5, first) == (len(found), found[0].date.isoformat())
    assert list(found) == sorted(found, key=lambda e: e.date)
    assert all(isinstance(e, Evening | SkippedEvening) for e in found)


def test_dates_that_nobody_knows_are_no_evenings() -> None:
    """Beyond the known school holidays there is nothing to show, and nothing fails."""
    assert () == coming_evenings([a_window(**ALL_ZONES)], CALENDAR, utc("2031-11-24T16:00"))


def test_the_markdown_is_a_table_for_each_section() -> None:
    """A bar in a cell does not break its table."""
    text = glance_markdown(
        [Section(title="One", text="Said."), Section(title="Two", rows=({"a": "x|y", "b": 1},))]
    )
    assert "## One\n\nSaid.\n\n## Two\n\n| a | b |\n|---|---|\n| x\\|y | 1 |" == text
