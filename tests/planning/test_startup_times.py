"""How long servers take until they serve: what looks see of it, and what notes make of it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.startup import MOST_SERVERS, RegionStartup, StartupNote
from springtide.planning.startup_times import (
    LOOKED_BACK,
    REMEMBERED_FOR,
    Startups,
    percentile,
    region_startups,
)
from tests.planning.fleet_world import START, FleetWorld, a_fleet, desired

SECOND = timedelta(seconds=1)


def a_note(*serving_s: int, **changes: object) -> StartupNote:
    """What a run of an hour ago has seen in GRA11, changed as asked."""
    base: dict[str, object] = {
        "key": "api-gra11-image-1-ab12",
        "fleet": "api",
        "region": "GRA11",
        "image_id": "image-1",
        "at": START - timedelta(hours=1),
        "active_s": [max(0, each - 10) for each in serving_s],
        "answering_s": serving_s,
        "serving_s": serving_s,
        "until": START + REMEMBERED_FOR,
    }
    return StartupNote.model_validate(base | changes)


def watched(world: FleetWorld, servers: int, seen: Startups) -> None:
    """The world's way to that many servers, each round of it looked at."""
    for _ in range(40):
        seen.see(world.snapshot())
        plan = world.plan(desired(servers))
        if plan.settled:
            return
        world.carry_out(plan)
        world.pass_time()
    raise AssertionError("not settled")


def test_a_server_on_its_way_is_measured() -> None:
    """ACTIVE by Nova's clock, answering and serving by the looks that first saw it so."""
    world, seen = FleetWorld(), Startups(a_fleet())
    watched(world, 6, seen)
    notes = seen.notes("ab12cd34", world.now)
    assert {"GRA11", "RBX1", "SBG5"} == {note.region for note in notes}
    assert 6 == sum(len(note.serving_s) for note in notes)
    first = notes[0]
    assert ("startup-api-gra11-image-1-ab12cd34", "image-1") == (first.key, first.image_id)
    # Two looks of 5 s until it is ACTIVE, which shows it answering; the next one shows it serving.
    assert ((10,), (10,)) == (first.active_s[:1], first.answering_s[:1])
    assert all(s >= a for s, a in zip(first.serving_s, first.answering_s, strict=True))
    assert world.now + REMEMBERED_FOR == first.until


def test_who_serves_already_tells_nothing() -> None:
    """Another run saw it come; nor does one that serves again after a trouble."""
    world = FleetWorld()
    world.settle(desired(6))
    seen = Startups(a_fleet())
    watched(world, 6, seen)
    region = "GRA11"
    member = next(m for m in world.members[region].values() if m.ours)
    world.members[region][member.address] = member.model_copy(update={"operating_status": "ERROR"})
    seen.see(world.snapshot())
    world.members[region][member.address] = member
    seen.see(world.snapshot())
    assert () == seen.notes("ab12", world.now)


def test_a_region_that_cannot_be_read_tells_nothing() -> None:
    """What was last seen of it is old."""
    world, seen = FleetWorld(), Startups(a_fleet())
    for _ in range(12):
        snapshot = world.snapshot()
        troubled = tuple(r.model_copy(update={"trouble": "no answer"}) for r in snapshot.regions)
        seen.see(snapshot.model_copy(update={"regions": troubled}))
        world.carry_out(world.plan(desired(3)))
        world.pass_time()
    assert () == seen.notes("ab12", world.now)


def test_a_note_holds_so_many_servers_and_fits_the_store() -> None:
    """200 servers of a day each are below the 5,000 characters of a Prefect variable."""
    longest = a_note(*[86_400] * MOST_SERVERS)
    assert len(longest.model_dump_json()) < 5000


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        pytest.param(START - SECOND, True, id="just before"),
        pytest.param(START, False, id="in that very evening"),
        pytest.param(START - LOOKED_BACK, True, id="four weeks ago"),
        pytest.param(START - LOOKED_BACK - SECOND, False, id="longer ago"),
    ],
)
def test_which_notes_count(at: datetime, *, counts: bool) -> None:
    """Those of the four weeks before."""
    found = region_startups([a_note(10, 20, 30, 40, 50, at=at)], "api", before=START)
    assert counts == bool(found)


@pytest.mark.parametrize(("servers", "enough"), [(4, False), (5, True)])
def test_few_servers_tell_little(servers: int, *, enough: bool) -> None:
    """Counted over all notes of a region."""
    notes = [a_note(60) for _ in range(servers)]
    assert enough == bool(region_startups(notes, "api", before=START))


def test_regions_and_fleets_apart() -> None:
    """Each region has its own percentile; another fleet's servers are others."""
    notes = [
        a_note(*range(1, 101)),
        a_note(*range(301, 321), region="SBG5"),
        a_note(9_000, 9_000, 9_000, 9_000, 9_000, fleet="web"),
    ]
    assert (
        RegionStartup(region="GRA11", servers=100, half_s=50, most_s=95),
        RegionStartup(region="SBG5", servers=20, half_s=310, most_s=319),
    ) == region_startups(notes, "api", before=START)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_the_least_that_suffices(values: list[int], share: float) -> None:
    """So large a share is not above it, and a smaller value would not do."""
    found = percentile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-6
    assert sum(v < found for v in values) < share * len(values)
