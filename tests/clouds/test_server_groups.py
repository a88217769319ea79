"""Server groups: a wave joins one, never waits for one, and none is left behind."""

from datetime import UTC, datetime, timedelta

import pytest

from springtide.errors import ReplyLost
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage, wait_until

MADE = datetime(2026, 11, 23, 15, 0, 3, tzinfo=UTC)
WAVE = "20261123t150003123-ab12-0-4"
GROUP = {"service": "compute", "path_regex": "^/os-server-groups$"}
POST_GROUP = {**GROUP, "method": "POST", "times": 1}


def groups(stage: Stage) -> dict[str, list[str]]:
    """The region's groups with their members, by name."""
    regions = stage.sandbox.world.regions
    found = stage.sandbox.control(lambda _: list(regions["GRA11"].server_groups.values()))
    return {group["name"]: list(group["members"]) for group in found}


def launched(stage: Stage, servers: int, number: int = 0) -> None:
    """A wave that is to join a group of at most ten."""
    wave = WAVE.replace("-0-4", f"-{number}-{servers}")
    assert servers == len(stage.launch(servers, wave=wave, group_members=10))


def emptied(stage: Stage) -> None:
    """Nothing stands any more."""
    ids = [server.id for server in stage.gra.list_servers("api")]
    stage.gra.delete_servers(ids, "the test says so")
    wait_until(lambda: not stage.gra.list_servers("api"))


def test_a_wave_has_a_group_of_its_name(stage: Stage) -> None:
    """Its policy is soft, so that a lack of hosts fails nothing."""
    launched(stage, 4)
    ((name, members),) = groups(stage).items()
    assert (f"springtide-api-{WAVE}", 4) == (name, len(members))
    region = stage.sandbox.world.regions["GRA11"]
    found = stage.sandbox.control(lambda _: [g["policy"] for g in region.server_groups.values()])
    assert ["soft-anti-affinity"] == found


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param((4, 6), [10], id="what has room takes the next wave"),
        pytest.param((4, 7), [4, 7], id="what has not, does not"),
        pytest.param((10, 1), [10, 1], id="full"),
    ],
)
def test_a_group_is_filled_before_another_is_made(
    stage: Stage, sizes: tuple[int, ...], expected: list[int]
) -> None:
    """A provider allows few groups."""
    for number, size in enumerate(sizes):
        launched(stage, size, number)
    assert expected == [len(members) for members in groups(stage).values()]


def test_a_wave_without_groups_asks_for_none(stage: Stage) -> None:
    """A fleet that does not want them costs no call more."""
    stage.launch(2)
    assert 0 == stage.calls(path="/os-server-groups")


@pytest.mark.parametrize("status", [403, 404])
def test_a_provider_without_groups_is_no_error(stage: Stage, status: int) -> None:
    """The wave goes without."""
    stage.sandbox.add_fault(FaultRule.model_validate({**GROUP, "status": status}))
    launched(stage, 4)
    assert {} == groups(stage)


def test_when_groups_run_out_waves_go_without(stage: Stage) -> None:
    """Servers matter more than where they stand."""
    for number in range(11):
        launched(stage, 10, number)
    assert [10] * 10 == [len(members) for members in groups(stage).values()]


@pytest.mark.parametrize("fault", [{"effect": "drop"}, {"status": 500}], ids=["closed", "500"])
def test_a_lost_reply_makes_no_second_group(stage: Stage, fault: dict[str, object]) -> None:
    """It is looked up by its name."""
    rule = {**POST_GROUP, "when": "after", **fault}
    stage.sandbox.add_fault(FaultRule.model_validate(rule))
    launched(stage, 4)
    assert [4] == [len(members) for members in groups(stage).values()]


def test_a_group_that_was_not_made_launches_nothing_yet(stage: Stage) -> None:
    """The next round plans the wave again."""
    rule = {**POST_GROUP, "when": "before", "effect": "drop"}
    stage.sandbox.add_fault(FaultRule.model_validate(rule))
    with pytest.raises(ReplyLost):
        launched(stage, 4)
    assert (0, {}) == (len(stage.gra.list_servers("api")), groups(stage))


@pytest.mark.parametrize(
    ("empty", "age_s", "stray"),
    [
        pytest.param(True, 901, 1, id="empty and old"),
        pytest.param(True, 899, 0, id="about to get its servers, perhaps"),
        pytest.param(False, 901, 0, id="in use"),
    ],
)
def test_which_groups_are_left_behind(
    stage: Stage, *, empty: bool, age_s: float, stray: int
) -> None:
    """Those without servers, a quarter of an hour after their wave."""
    launched(stage, 4)
    if empty:
        emptied(stage)
    found = stage.gra.stray_groups(stage.fleet, MADE + timedelta(seconds=age_s))
    assert stray == len(found)
    stage.gra.delete_groups(found)
    stage.gra.delete_groups(found)
    assert 1 - stray == len(groups(stage))


def test_other_groups_are_not_touched(stage: Stage) -> None:
    """Of people, and of a fleet whose name begins alike."""
    compute = stage.gra._compute  # noqa: SLF001 - to make what is not ours
    for name in ("operations", "springtide-api-web-20261123t150003123-ab12-0-4"):
        body = {"server_group": {"name": name, "policy": "anti-affinity"}}
        compute.change("POST", "/os-server-groups", body, why="a test")
    assert () == stage.gra.stray_groups(stage.fleet, MADE + timedelta(days=1))
