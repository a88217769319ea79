"""Whom to remove first: who serves nobody yet, the fullest region, the old image."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.fleet import FleetRegion
from springtide.model.server import Phase
from springtide.planning.phases import Sighting
from springtide.planning.removal import RegionCandidates, candidates_of, choose_removals
from tests.planning.fleet_world import a_fleet
from tests.planning.sightings import a_member, a_server

LIVING = (Phase.BUILDING, Phase.ACTIVE, Phase.ANSWERING, Phase.SERVING)


def sighted(server_id: str, phase: Phase = Phase.SERVING, image_id: str = "image-1") -> Sighting:
    """A server in that phase."""
    return Sighting(a_server(server_id, image_id=image_id), None, phase, "as the test says")


def candidates(
    region: str, *phases: Phase, weight: float = 1, image_id: str | None = "image-1"
) -> RegionCandidates:
    """A region's servers in these phases, numbered in their order."""
    sightings = [sighted(f"{region}-{n}", phase) for n, phase in enumerate(phases)]
    found = candidates_of("GRA11", sightings, a_fleet(), image_id=image_id)
    return replace(found, region=region, weight=weight)


def chosen(surplus: int, *regions: RegionCandidates) -> list[str]:
    """The ids of those who go, in order."""
    return [sighting.server.id for _, sighting in choose_removals(surplus, regions)]


@pytest.mark.parametrize(
    ("surplus", "regions", "expected"),
    [
        pytest.param(0, [candidates("A", Phase.SERVING)], [], id="none-too-many"),
        pytest.param(-3, [candidates("A", Phase.SERVING)], [], id="too-few"),
        pytest.param(5, [candidates("A", Phase.SERVING)], ["A-0"], id="more-than-there-are"),
        pytest.param(1, [], [], id="no-region"),
        pytest.param(
            4,
            [candidates("A", Phase.SERVING, Phase.ANSWERING, Phase.ACTIVE, Phase.BUILDING)],
            ["A-3", "A-2", "A-1", "A-0"],
            id="who-is-furthest-from-serving-first",
        ),
        pytest.param(
            1,
            [candidates("A", *[Phase.SERVING] * 9), candidates("B", Phase.BUILDING)],
            ["B-0"],
            id="who-serves-nobody-goes-before-a-full-region-s-members",
        ),
        pytest.param(
            3,
            [candidates("A", *[Phase.SERVING] * 3), candidates("B", *[Phase.SERVING] * 2)],
            ["A-0", "A-1", "B-0"],
            id="the-fuller-region-first-and-ties-by-name",
        ),
        pytest.param(
            2,
            [
                candidates("A", *[Phase.SERVING] * 4, weight=4),
                candidates("B", *[Phase.SERVING] * 3, weight=1),
            ],
            ["B-0", "B-1"],
            id="full-is-meant-by-weight",
        ),
    ],
)
def test_who_goes_first(surplus: int, regions: list[RegionCandidates], expected: list[str]) -> None:
    """As many as are too many, the least painful first."""
    assert expected == chosen(surplus, *regions)


def test_the_old_image_goes_before_the_new() -> None:
    """Within a phase; a server of the old image that serves still outlives one that does not."""
    sightings = [
        sighted("s1"),
        sighted("s2", image_id="image-0"),
        sighted("s3", Phase.BUILDING),
        sighted("s4", Phase.BUILDING, image_id="image-0"),
    ]
    found = candidates_of("GRA11", sightings, a_fleet(), image_id="image-1")
    assert ["s4", "s3", "s2", "s1"] == [sighting.server.id for sighting in found.queue]


def test_who_has_a_weight_in_the_pool_may_serve() -> None:
    """Not seen since a reboot, it goes after those that surely serve nobody."""
    rebooted = replace(sighted("s1", Phase.ACTIVE), member=a_member("s1"))
    drained = replace(sighted("s4", Phase.ACTIVE), member=a_member("s4", weight=0))
    sightings = [sighted("s3"), rebooted, sighted("s2", Phase.ANSWERING), drained]
    found = candidates_of("GRA11", sightings, a_fleet(), image_id="image-1")
    assert ["s4", "s2", "s1", "s3"] == [sighting.server.id for sighting in found.queue]


@pytest.mark.parametrize("phase", [p for p in Phase if p not in LIVING])
def test_who_does_not_live_is_no_candidate(phase: Phase) -> None:
    """Draining, failed and leaving servers are on their way out already."""
    assert () == candidates_of("GRA11", [sighted("s1", phase)], a_fleet(), image_id=None).queue


def test_a_region_brings_its_weight() -> None:
    """The weight is that of the fleet's region."""
    region = FleetRegion(name="GRA11", network="vrack", pool="api", weight=2.5)
    fleet = a_fleet(regions=(region,))
    assert 2.5 == candidates_of("GRA11", [], fleet, image_id=None).weight


PHASES = st.lists(st.sampled_from(LIVING), max_size=8)


@given(
    surplus=st.integers(min_value=0, max_value=20),
    drawn=st.lists(PHASES, min_size=1, max_size=3),
)
def test_as_many_as_asked_each_once_and_never_one_who_serves_before_one_who_does_not(
    surplus: int, drawn: list[list[Phase]]
) -> None:
    """Conserves servers, and spares requests."""
    regions = [candidates(f"R{n}", *phases) for n, phases in enumerate(drawn)]
    everyone = [sighting for region in regions for sighting in region.queue]
    going = [sighting for _, sighting in choose_removals(surplus, tuple(regions))]
    assert min(surplus, len(everyone)) == len(going) == len({s.server.id for s in going})
    staying = [sighting for sighting in everyone if sighting not in going]
    ranks = [LIVING.index(sighting.phase) for sighting in going]
    assert sorted(ranks) == ranks
    assert max(ranks, default=0) <= min(
        (LIVING.index(s.phase) for s in staying), default=len(LIVING)
    )
