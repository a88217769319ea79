"""Rollouts as flows, on Prefect and the sandbox cloud: forth, back, halted, refused."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from prefect.variables import Variable

from flows.evening_window import keep_fleet, open_evening_window
from flows.fleet_orders import lift_entry
from flows.image_rollout import roll_out_image
from springtide.errors import GuardRefused
from springtide.model.claim import Rollout
from springtide.planning.claim_book import entry_name
from springtide.sandbox.faults import ServerBehaviour
from tasks.claims import store_entry
from tests.flows.evening import MONDAY_16H, RUN_ID, TAIL, Evening, stored
from tests.planning.rollouts import a_rollout

BEFORE, NEWEST = "api-iis-2026-11-01", "api-iis-2026-11-16"
WHO = {"owner": "ada", "reason": "the login fails"}


@pytest.fixture(scope="module")
def canary() -> str:
    """As the estate has it: an image that has not served sends one ahead."""
    return "unproven"


@pytest.fixture
def standing(evening: Evening) -> Evening:
    """Six servers of the newest image that serve."""
    assert evening.run(open_evening_window).is_completed()
    evening.sandbox.forget_calls()
    return evening


def by_image(evening: Evening) -> dict[str, int]:
    """How many servers stand of each image, by its name."""
    regions = evening.sandbox.world.regions.values()
    found = (r.images[s.image_id or ""]["name"] for r in regions for s in r.servers.values())
    return dict(Counter(str(name) for name in found))


def names(kind: str) -> list[str]:
    """The stored entries of that kind."""
    return [name for name in asyncio.run(stored()) if name.startswith(f"springtide_{kind}_")]


def test_back_to_the_image_before_and_forth_again(standing: Evening) -> None:
    """Every server is replaced, twice, and the orders are cleared when they are over."""
    back = standing.run(roll_out_image, image="previous", max_surge=6, **WHO)
    assert back.is_completed(), back.message
    assert {BEFORE: 6} == by_image(standing)
    assert 6 == standing.serving() == standing.left()[0]
    forth = standing.run(roll_out_image, max_surge=6, **WHO)
    assert forth.is_completed(), forth.message
    assert {NEWEST: 6} == by_image(standing)
    assert 2 == len(names("rollout"))
    standing.sandbox.set_clock(TAIL + timedelta(hours=9))
    standing.run(keep_fleet)
    assert ([], []) == (names("rollout"), names("halt"))


def test_a_run_that_is_retried_goes_on_with_its_order(
    standing: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was stored: its end stays, and `previous` is the image that it was then."""
    monkeypatch.setenv(RUN_ID, "7d1c0a92-5e7b-4f0e-8a55-2b9f6f0c1d3e")
    wish = {"image": "previous", "max_surge": 6, **WHO}
    assert standing.run(roll_out_image, **wish).is_completed()
    orders = {name: asyncio.run(stored())[name] for name in names("rollout")}
    standing.sandbox.advance_clock(600)
    standing.sandbox.forget_calls()
    retried = standing.run(roll_out_image, **wish)
    assert retried.is_completed(), retried.message
    assert {BEFORE: 6} == by_image(standing)
    assert 0 == standing.changes()
    assert orders == {name: asyncio.run(stored())[name] for name in names("rollout")}


def test_a_bad_image_stops_at_its_canaries(standing: Evening) -> None:
    """The run fails and says why; six serve as before; again it is refused until that is lifted."""
    standing.sandbox.add_behaviour(ServerBehaviour(image=BEFORE, never_answers=True))
    state = standing.run(roll_out_image, image=BEFORE, **WHO)
    assert state.is_failed()
    assert f"rollout of {BEFORE} is halted" in (state.message or "")
    assert {NEWEST: 6} == by_image(standing)
    assert 6 == standing.serving()
    (halt,) = names("halt")
    again = standing.run(roll_out_image, image=BEFORE, **WHO)
    assert f"lift {halt}" in (again.message or "")
    standing.sandbox.clear_faults()
    assert standing.run(lift_entry, name=halt, **WHO).is_completed()
    assert standing.run(keep_fleet).is_completed()
    assert {BEFORE: 6} == by_image(standing)


def test_a_rollout_that_is_lifted_meanwhile_is_over_for_its_own_run(standing: Evening) -> None:
    """What has the image keeps it or goes, nobody else gets it, and the run says why."""
    state = standing.lift_meanwhile(
        "rollout", roll_out_image, standing=7, image=BEFORE, max_surge=1, **WHO
    )
    assert state.is_completed(), state.message
    assert "was lifted meanwhile" in (state.message or "")
    assert 6 == standing.serving() == standing.left()[0]
    assert by_image(standing)[NEWEST] >= 4


def test_keeping_goes_on_with_a_rollout_whose_run_was_killed(standing: Evening) -> None:
    """The order is stored; whoever converges the fleet next carries it out."""
    order = Rollout(
        key="rollout-api-killed",
        fleet="api",
        image=BEFORE,
        max_surge=2,
        starts_at=MONDAY_16H,
        ends_at=TAIL,
        **WHO,
    )
    asyncio.run(Variable.aset(entry_name(order), order.model_dump(mode="json")))
    assert standing.run(keep_fleet).is_completed()
    assert {BEFORE: 6} == by_image(standing)
    assert 6 == standing.serving() == standing.left()[0]


@pytest.mark.usefixtures("evening")
def test_an_order_that_may_exceed_more_is_another_one() -> None:
    """Stored twice it is one; what it may exceed is a part of what it says."""
    order = a_rollout(max_surge=2)
    assert asyncio.run(store_entry(order)) == asyncio.run(store_entry(order))
    with pytest.raises(GuardRefused, match="says something else"):
        asyncio.run(store_entry(order.model_copy(update={"max_surge": 3})))


def test_a_dry_run_shows_the_first_batch(standing: Evening) -> None:
    """The plan names the canaries and how many have another image; nothing is stored or changed."""
    state = standing.run(roll_out_image, image=BEFORE, dry_run=True, **WHO)
    assert state.is_completed(), state.message
    assert f"rollout of {BEFORE}: 6 servers have another image" in standing.artifact("plan-api")
    assert (0, []) == (standing.changes(), names("rollout"))


def test_back_where_regions_got_their_copies_later(standing: Evening) -> None:
    """As distribute_image leaves it: Glance dates a copy by when it was made."""
    made = {BEFORE: "2026-11-01", NEWEST: "2026-11-16"}
    for number, region in enumerate(standing.sandbox.world.regions.values()):
        for image in region.images.values():
            if (day := made.get(str(image["name"]))) is not None:
                image["created_at"] = f"{day}T{9 + number:02}:00:00Z"
    state = standing.run(roll_out_image, image="previous", dry_run=True, **WHO)
    assert state.is_completed(), state.message
    assert f"rollout of {BEFORE}: 6 servers have another image" in standing.artifact("plan-api")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"image": "api-iis-2020"},
            "image: GRA11 has no active 'api-iis-2020' that matches api-iis-* (there: api-iis-2026",
            id="no-such-image",
        ),
        pytest.param(
            {"max_surge": 0},
            "max_surge and max_unavailable are both 0: nothing could be replaced",
            id="no-room-to-move",
        ),
        pytest.param({"max_surge": -1}, "max_surge: given -1, must be", id="a-surge-below-none"),
        pytest.param({"hours": 0}, "hours 0 is outside: above 0, at most 744", id="for-no-time"),
        pytest.param({"reason": ""}, "reason: ", id="without-a-reason"),
        pytest.param({"fleet": "web"}, "no fleet 'web'", id="of-no-fleet"),
    ],
)
def test_what_cannot_be_is_refused(evening: Evening, changes: dict[str, object], said: str) -> None:
    """With the field and what is allowed, before anything is changed or stored."""
    state = evening.run(roll_out_image, **{**WHO, "image": BEFORE, **changes})
    assert state.is_failed()
    assert said in (state.message or "")
    assert (0, []) == (evening.changes(), names("rollout"))


def test_before_a_window_s_end_it_is_refused(evening: Evening) -> None:
    """A batch would not serve before its servers go: the reason says from when that is."""
    evening.sandbox.set_clock(TAIL - timedelta(seconds=20))
    state = evening.run(roll_out_image, image=BEFORE, **WHO)
    assert state.is_failed()
    assert "from 20:50 UTC on fewer are desired, sooner than a batch serves" in (
        state.message or ""
    )
    assert (0, []) == (evening.changes(), names("rollout"))
