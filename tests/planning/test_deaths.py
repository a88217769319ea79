"""Servers that die again and again: generations, pauses that double, an end, and an alarm."""

from datetime import UTC, datetime, timedelta

import pytest

from springtide.model.claim import ClaimBook, Death
from springtide.model.fleet import Canary, CanaryPolicy
from springtide.model.healing import Healing
from springtide.model.wave_names import wave_moment, wave_name, wave_size
from springtide.planning.deaths import born_at, generations, rest_of
from springtide.planning.round_input import RoundInput
from tests.planning.fleet_world import REGIONS, START, FleetWorld, a_fleet, desired
from tests.planning.sightings import a_server

S = timedelta(seconds=1)
QUICK = Healing(sick_after_checks=1, back_off_s=60, most_generations=3, deaths_remembered_s=3600)


def a_death(born_s: float, at_s: float, **changes: object) -> Death:
    """A death of GRA11's image-1, its birth and its end in seconds after START."""
    base: dict[str, object] = {
        "key": f"death-s{born_s * 10:.0f}-{at_s * 10:.0f}",
        "fleet": "api",
        "region": "GRA11",
        "image_id": "image-1",
        "born_at": START + born_s * S,
        "at": START + at_s * S,
        "until": START + (at_s + 3600) * S,
        "why": "it does not answer our probe",
    }
    return Death.model_validate(base | changes)


@pytest.mark.parametrize(
    ("deaths", "count"),
    [
        pytest.param([], 0, id="nobody-died"),
        pytest.param([a_death(0, 100)], 1, id="one"),
        pytest.param([a_death(0, at) for at in range(100, 200)], 1, id="a-hundred-at-once"),
        pytest.param([a_death(0, 100), a_death(99.9, 200)], 1, id="born-just-before"),
        pytest.param([a_death(0, 100), a_death(100, 200)], 2, id="born-then"),
        pytest.param([a_death(0, 100), a_death(50, 150), a_death(120, 300)], 2, id="in-between"),
        pytest.param([a_death(n * 100, n * 100 + 100) for n in range(5)], 5, id="five-times-over"),
    ],
)  # fmt: skip
def test_generations(deaths: list[Death], count: int) -> None:
    """Deaths at once are one generation; the death of a successor is the next."""
    assert count == generations(deaths) == generations(reversed(deaths))


FOUR = [a_death(n * 100, n * 100 + 100) for n in range(4)]


@pytest.mark.parametrize(
    ("deaths", "now_s", "rests", "alarm"),
    [
        pytest.param(FOUR[:1], 100, False, False, id="the-first-is-replaced-at-once"),
        pytest.param(FOUR[:2], 200, True, False, id="the-second-waits"),
        pytest.param(FOUR[:2], 259.9, True, False, id="for-a-minute"),
        pytest.param(FOUR[:2], 260, False, False, id="and-no-longer"),
        pytest.param(FOUR[:3], 419.9, True, False, id="the-third-for-two"),
        pytest.param(FOUR[:3], 420, False, False, id="and-no-longer-either"),
        pytest.param(FOUR, 3699, True, True, id="the-fourth-is-one-too-many"),
        pytest.param(FOUR, 3700, False, False, id="until-the-first-is-forgotten"),
        pytest.param([d.model_copy(update={"region": "SBG5"}) for d in FOUR], 400, False, False,
                     id="elsewhere"),
        pytest.param([d.model_copy(update={"image_id": "i-0"}) for d in FOUR], 400, False, False,
                     id="of-another-image"),
        pytest.param([d.model_copy(update={"fleet": "web"}) for d in FOUR], 400, False, False,
                     id="of-another-fleet"),
    ],
)  # fmt: skip
def test_rest(deaths: list[Death], now_s: float, *, rests: bool, alarm: bool) -> None:
    """Pauses double from generation to generation, up to their last moment; then an alarm."""
    fleet, now = a_fleet(healing=QUICK), START + now_s * S
    book = ClaimBook(deaths=tuple(deaths))
    given = RoundInput(fleet=fleet, desired=desired(30), book=book, now=now, run="ab12")
    rest = rest_of("GRA11", "image-1", given)
    assert (rests, alarm) == (rest is not None, rest is not None and rest.alarm)
    if alarm:
        assert rest is not None
        assert rest.reason.startswith("4 servers of image image-1 died since 15:01 UTC, and so did")
        assert "4 times over: none is launched until 16:01 UTC" in rest.reason


def test_a_wave_s_name_says_when_it_was_decided() -> None:
    """To the millisecond, and how many it was made of; other names say nothing."""
    now = datetime(2026, 11, 23, 17, 0, 3, 125_999, tzinfo=UTC)
    name = wave_name(now, "ab12", 2, 16)
    assert "20261123t170003125-ab12-2-16" == name
    assert (now.replace(microsecond=125_000), 16) == (wave_moment(name), wave_size(name, 3))
    assert (None, 3) == (wave_moment("by-hand"), wave_size("by-hand", 3))
    assert wave_moment(None) is None
    assert now.replace(microsecond=125_000) == born_at(a_server(wave=name))
    assert START == born_at(a_server(wave="by-hand"))


def a_doomed_world() -> FleetWorld:
    """Thirty serve, one of them dies; whoever is launched in its place dies once it serves."""
    world = FleetWorld(fleet=a_fleet(canary=Canary(policy=CanaryPolicy.NEVER), healing=QUICK))
    world.settle(desired(30))
    world.down.add(min(world.servers))
    return world


def test_servers_that_die_again_and_again_are_not_replaced_for_ever() -> None:
    """Every successor dies: their number is bounded, the alarm names each region, others serve."""
    world = a_doomed_world()
    alarms: set[str] = set()
    for _ in range(700):
        plan = world.plan(desired(30))
        alarms |= {alarm.partition(" servers of")[0][:5] for alarm in plan.alarms}
        world.carry_out(plan)
        world.pass_time()
        serving = {m.server_id for by in world.members.values() for m in by.values() if m.weight}
        world.down |= {s for s in world.servers if int(s[1:]) > 30 and s in serving}
    assert {"GRA11", "RBX1:", "SBG5:"} == alarms
    launched = world.launched - 30
    # By region one more than its generations, and as much again for what is forgotten meanwhile.
    assert 3 <= launched <= 2 * len(REGIONS) * (QUICK.most_generations + 1)
    assert 29 <= world.serving


def test_a_third_that_dies_at_once_is_one_generation() -> None:
    """Ten of thirty die: none of their successors waits."""
    world = FleetWorld(fleet=a_fleet(canary=Canary(policy=CanaryPolicy.NEVER), healing=QUICK))
    world.settle(desired(30))
    world.down |= {f"s{n}" for n in range(1, 31, 3)}
    for _ in range(100):
        plan = world.plan(desired(30))
        assert () == plan.alarms
        world.carry_out(plan)
        world.pass_time()
    assert 10 == len(world.deaths)
    assert 30 == world.serving == len(world.servers)


def test_a_death_is_noted_once() -> None:
    """As long as its server waits to be taken out it is not noted again."""
    world = a_doomed_world()
    rounds = [world.plan(desired(30))]
    for _ in range(3):
        world.carry_out(rounds[-1])
        world.pass_time()
        rounds.append(world.plan(desired(30)))
    assert [1, 0, 0, 0] == [len(plan.deaths) for plan in rounds]
