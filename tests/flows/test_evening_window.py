"""The evening window's flows on Prefect's own engine and the sandbox cloud."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from prefect import Flow, flow
from prefect.variables import Variable

from flows import evening_window
from flows.emergency_surge import emergency_surge
from flows.evening_window import close_evening_window, keep_fleet, open_evening_window
from flows.fleet_healing import heal_fleet
from flows.fleet_orders import extend_claim, freeze_fleet
from flows.image_rollout import roll_out_image
from flows.rounds import converge_fleet
from springtide.convergence import Pace
from springtide.model.claim import Ceiling, Claim, ClaimKind, Freeze
from springtide.planning.claim_book import entry_name
from springtide.sandbox.faults import FaultRule
from tasks.cloud import read_estate
from tasks.watch import open_watch
from tests.flows.evening import ARMISTICE, MONDAY_16H, RUN_ID, TAIL, THURSDAY, Evening, stored

ALL_DAY = {
    "starts_at": MONDAY_16H - timedelta(hours=1),
    "ends_at": MONDAY_16H + timedelta(hours=12),
    "owner": "operations",
    "reason": "a test says so",
}
UNTIL_TAIL = {**ALL_DAY, "starts_at": MONDAY_16H, "ends_at": TAIL}
NOTHING = (0, 0, 0)
LISTING = "/servers/detail"
BRIEF_S = 3.0


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeping reaches its deadline within seconds."""
    monkeypatch.setattr(evening_window, "_KEEP_S", BRIEF_S)


@pytest.fixture
def surgeless(evening: Evening) -> Iterator[Evening]:
    """An evening of a fleet without surges."""
    before = evening.estate_file.read_text("utf-8")
    estate = yaml.safe_load(before)
    for key in ("surge", "traffic"):
        del estate["fleets"][0][key]
    evening.estate_file.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")
    read_estate.cache_clear()
    yield evening
    evening.estate_file.write_text(before, "utf-8")
    read_estate.cache_clear()


def store(entry: Claim | Ceiling | Freeze) -> None:
    """Store an entry as a person's flow would."""
    asyncio.run(Variable.aset(entry_name(entry), entry.model_dump(mode="json")))


def test_an_evening_opens_and_closes_without_a_trace(evening: Evening) -> None:
    """Six servers serve at 16:00; at 21:50 they go, and nothing of them is left."""
    opened = evening.run(open_evening_window)
    assert opened.is_completed(), opened.message
    assert 6 == evening.serving()
    assert "window evening asks for 6" in evening.artifact("plan-api")
    assert "launched" in evening.artifact("outcome-api")
    started = [v for name, v in asyncio.run(stored()).items() if "_startup_" in name]
    assert {"GRA11", "SBG5", "RBX1"} == {note["region"] for note in started}
    assert 6 == sum(len(note["serving_s"]) for note in started)
    (called,) = (v for name, v in asyncio.run(stored()).items() if "_calls_" in name)
    assert {"compute", "load-balancer"} <= {count["service"] for count in called["counts"]}
    evening.sandbox.set_clock(TAIL)
    closed = evening.run(close_evening_window)
    assert closed.is_completed(), closed.message
    assert NOTHING == evening.left()
    outcome = evening.artifact("outcome-api")
    assert '"paid server hours seen", "value": 36' in outcome
    assert '"cost without VAT", "value": "18.36 EUR"' in outcome
    assert '"left behind", "value": "nothing"' in outcome


def test_a_closing_is_shown_though_its_sweep_fails(evening: Evening) -> None:
    """Neutron is down in one region: the fleet is gone, its cost is told, and what is not known."""
    evening.run(open_evening_window)
    evening.sandbox.add_fault(FaultRule(service="network", region="GRA11", status=503))
    evening.sandbox.set_clock(TAIL)
    closed = evening.run(close_evening_window)
    assert closed.is_failed()
    assert "left behind: GRA11 cannot be read" in (closed.message or "")
    assert 0 == evening.serving()
    outcome = evening.artifact("outcome-api")
    assert '"cost without VAT", "value": "18.36 EUR"' in outcome
    assert '"left behind", "value": "GRA11 cannot be read' in outcome


def test_what_was_deleted_is_told_though_one_deletion_is_refused(evening: Evening) -> None:
    """The next round deletes that one too, and the outcome counts all six."""
    evening.run(open_evening_window)
    evening.sandbox.add_fault(FaultRule(service="compute", method="DELETE", status=403, times=1))
    evening.sandbox.set_clock(TAIL)
    evening.run(close_evening_window)
    assert NOTHING == evening.left()
    assert '"deleted", "value": 6' in evening.artifact("outcome-api")


def test_opening_again_changes_nothing(evening: Evening) -> None:
    """A second opening finds everything as desired and makes no changing call."""
    evening.run(open_evening_window)
    evening.sandbox.forget_calls()
    assert evening.run(open_evening_window).is_completed()
    assert 0 == evening.changes()


def test_dry_run_shows_the_plan_and_changes_nothing(evening: Evening) -> None:
    """The plan is shown, the order counts in it, and neither cloud nor store is touched."""
    state = evening.run(open_evening_window, servers=9, dry_run=True)
    assert state.is_completed(), state.message
    assert "9 desired" in evening.artifact("plan-api")
    assert 0 == evening.changes()
    assert {} == asyncio.run(stored())


def test_a_dry_run_of_a_settled_fleet_stores_and_clears_nothing(evening: Evening) -> None:
    """Whichever flow it is: neither what was called is remembered, nor what is over cleared."""
    evening.run(open_evening_window)
    over = {**ALL_DAY, "ends_at": MONDAY_16H - timedelta(minutes=1)}
    store(Ceiling(key="ceiling-over", fleet="api", servers=9, **over))
    before = asyncio.run(stored())
    evening.sandbox.forget_calls()
    who = {"owner": "operations", "reason": "a look"}
    runs: tuple[tuple[Flow[Any, Any], dict[str, Any]], ...] = (
        (open_evening_window, {}),
        (close_evening_window, {}),
        (keep_fleet, {}),
        (heal_fleet, {}),
        (roll_out_image, who),
        (emergency_surge, {"servers": 6, "hours": 1, **who}),
    )
    for each, asked in runs:
        state = evening.run(each, dry_run=True, **asked)
        assert ("dry run", before) == (state.message, asyncio.run(stored())), each.name
    assert 0 == evening.changes()


@pytest.mark.parametrize(
    ("clock", "parameters", "said"),
    [
        pytest.param(MONDAY_16H, {"fleet": "web"}, "no fleet 'web'", id="unknown fleet"),
        pytest.param(MONDAY_16H, {"servers": 13}, "outside 1 to 12", id="above the maximum"),
        pytest.param(THURSDAY, {}, "the next one opens at 2026-11-30T15:00", id="no window"),
        pytest.param(ARMISTICE, {"servers": 9}, "is skipped", id="an order on a holiday"),
    ],
)
def test_wrong_input_is_refused_before_anything_changes(
    evening: Evening, clock: object, parameters: dict[str, object], said: str
) -> None:
    """The run fails with a message that says what is wrong; the cloud was not changed."""
    evening.sandbox.set_clock(clock)  # type: ignore[arg-type] - a table of datetimes
    state = evening.run(open_evening_window, **parameters)
    assert state.is_failed()
    assert said in (state.message or "")
    assert 0 == evening.changes()


def test_a_holiday_is_skipped_without_a_fault(evening: Evening) -> None:
    """The schedule ticks on Armistice Day too: the run completes and says why nothing opened."""
    evening.sandbox.set_clock(ARMISTICE)
    state = evening.run(open_evening_window)
    assert state.is_completed()
    assert "public holiday: Armistice" in (state.message or "")
    assert 0 == evening.changes()


def test_an_order_that_is_lifted_meanwhile_is_over_for_its_own_run(evening: Evening) -> None:
    """The opening goes on to the window's number, and says why."""
    state = evening.lift_meanwhile("claim", open_evening_window, standing=1, servers=9)
    assert state.is_completed(), state.message
    assert "was lifted meanwhile" in (state.message or "")
    assert 6 == evening.serving() == evening.left()[0]


def test_an_order_is_stored_and_kept_until_the_windows_end(evening: Evening) -> None:
    """Nine instead of six: stored as a claim, served, and gone with the window."""
    assert evening.run(open_evening_window, servers=9).is_completed()
    assert ["springtide_claim_order-api-20261123-9"] == [
        name for name in asyncio.run(stored()) if "claim" in name
    ]
    assert 9 == evening.serving()
    assert evening.run(keep_fleet).is_completed()
    assert 9 == evening.serving()
    evening.sandbox.set_clock(TAIL)
    assert evening.run(close_evening_window).is_completed()
    assert NOTHING == evening.left()
    assert [] == [name for name in asyncio.run(stored()) if "claim" in name]


def test_an_order_is_not_extended_beyond_the_keeping(surgeless: Evening) -> None:
    """Nothing would take its servers down; nothing is stored, and the message says what may be."""
    order = Claim(key="order-1", fleet="api", kind=ClaimKind.ORDER, servers=9, **UNTIL_TAIL)
    store(order)
    who = {"name": entry_name(order), "owner": "operations", "reason": "a late class"}
    told = str(surgeless.run(extend_claim, hours=4, **who).message)
    assert "hours: given 4, must be above 0 and at most 1.16 (until 22:59 CET)" in told
    assert [entry_name(order)] == list(asyncio.run(stored()))
    assert surgeless.run(extend_claim, hours=1, **who).is_completed()


def test_closing_takes_nothing_that_a_surge_claims(evening: Evening) -> None:
    """A surge of eight holds over the window's end: eight stay, and go when it ends."""
    store(Claim(key="surge-1", fleet="api", kind=ClaimKind.SURGE, servers=8, **ALL_DAY))
    evening.run(open_evening_window)
    evening.sandbox.set_clock(TAIL)
    assert evening.run(close_evening_window).is_completed()
    assert 8 == evening.serving()
    evening.sandbox.set_clock(ALL_DAY["ends_at"])  # type: ignore[arg-type] - a datetime
    assert evening.run(close_evening_window).is_completed()
    assert NOTHING == evening.left()


def test_a_closing_after_a_longer_order_is_in_time(evening: Evening) -> None:
    """The order held until 23:30: what a person closes then could not have gone before."""
    until = {**ALL_DAY, "ends_at": TAIL + timedelta(minutes=100)}
    store(Claim(key="order-1", fleet="api", kind=ClaimKind.ORDER, servers=8, **until))
    evening.run(open_evening_window)
    evening.sandbox.set_clock(TAIL + timedelta(minutes=101))
    closed = evening.run(close_evening_window)
    assert closed.is_completed(), closed.message
    assert NOTHING == evening.left()


def test_keeping_makes_good_what_was_missed(evening: Evening) -> None:
    """A missed opening, a dead server and a missed closing are each put right by the next keep."""
    assert evening.run(keep_fleet).is_completed()
    assert 6 == evening.serving()
    victim = next(iter(evening.sandbox.world.regions["GRA11"].servers))
    evening.sandbox.fail_server(victim)
    assert evening.run(keep_fleet).is_completed()
    assert 6 == evening.serving()
    evening.sandbox.set_clock(TAIL + timedelta(minutes=30))
    assert evening.run(keep_fleet).is_completed()
    assert NOTHING == evening.left()


def test_freeze_tells_and_changes_nothing(evening: Evening) -> None:
    """While a freeze holds for all fleets, opening shows its plan and who froze, and ends."""
    store(Freeze(key="freeze-1", fleet="*", **ALL_DAY))
    state = evening.run(open_evening_window)
    assert state.is_completed()
    assert "frozen by operations: a test says so" in evening.artifact("plan-api")
    assert 0 == evening.changes()


def test_a_freeze_whose_run_is_retried_holds_until_its_first_end(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's id makes the key: what it has stored stands; over, it takes a new run."""
    monkeypatch.setenv(RUN_ID, "0f5a1f6c-3b7e-4d52-9a43-6c1d2e3f4a5b")
    wish = {"fleet": "api", "hours": 1, "owner": "ada", "reason": "a look at the balancer"}
    frozen = evening.run(freeze_fleet, **wish).result()
    before = asyncio.run(stored())
    evening.sandbox.advance_clock(600)
    assert frozen == evening.run(freeze_fleet, **wish).result()
    assert before == asyncio.run(stored())
    evening.sandbox.advance_clock(3600)
    late = evening.run(freeze_fleet, **wish)
    assert late.is_failed()
    assert f"{frozen} is over: start a new run" in (late.message or "")


def test_not_tonight(evening: Evening) -> None:
    """A ceiling of 0 keeps the window empty, and takes down what stood."""
    evening.run(open_evening_window)
    store(Ceiling(key="ceiling-1", fleet="api", servers=0, **ALL_DAY))
    assert evening.run(keep_fleet).is_completed()
    assert NOTHING == evening.left()


def test_an_unreadable_claim_never_removes(evening: Evening) -> None:
    """A stored claim that cannot be read forbids scale-in: closing fails, and says why."""
    evening.run(open_evening_window)
    asyncio.run(Variable.aset("springtide_claim_broken", {"servers": "many"}))
    evening.sandbox.set_clock(TAIL)
    state = evening.run(keep_fleet, dry_run=True)
    assert state.is_completed()
    assert "nothing is removed while the claims cannot be read" in evening.artifact("plan-api")
    assert 6 == evening.serving()


def test_a_keeping_that_may_not_delete_fails(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers that stay are billed: the run fails with Nova's refusal, and is not green."""
    monkeypatch.setattr(evening_window, "_KEEP_S", 10.0)  # it drains, and leaves, before
    evening.run(open_evening_window)
    evening.sandbox.add_fault(FaultRule(service="compute", method="DELETE", status=403))
    evening.sandbox.set_clock(TAIL)
    state = evening.run(keep_fleet)
    assert state.is_failed(), state.message
    assert "DELETE" in (state.message or "")
    assert "403" in (state.message or "")
    assert "as desired" not in evening.artifact("outcome-api")


@pytest.mark.usefixtures("brief")
def test_a_keeping_that_sees_nothing_fails(evening: Evening) -> None:
    """No region answers: what stands nobody knows, and each region is named."""
    evening.sandbox.add_fault(FaultRule(service="compute", status=503, retry_after_s=0))
    state = evening.run(keep_fleet)
    assert state.is_failed(), state.message
    for region in ("GRA11", "RBX1", "SBG5"):
        assert region in (state.message or "")


def test_a_region_that_stays_away_is_looked_at_once_a_round(evening: Evening) -> None:
    """What a launch needs is asked for in each round; a second look follows on news alone."""
    evening.sandbox.add_fault(FaultRule(service="compute", region="GRA11", status=503))

    @flow(name="rounds-for-a-test")
    async def looks() -> list[int]:
        """How often each of four rounds looks; the region is back before the third."""
        counts: list[int] = []
        watch = await open_watch(evening.estate_file, "api")
        for number in range(4):
            if number == 2:
                evening.sandbox.clear_faults()
            evening.sandbox.forget_calls()
            await converge_fleet(watch, watch.decider("ab12"), Pace(0.2, 60, dry_run=True))
            calls = evening.sandbox.call_counts().items()
            counts.append(sum(n for k, n in calls if (k.region, k.path) == ("SBG5", LISTING)))
        return counts

    assert [2, 1, 2, 1] == asyncio.run(looks())


def test_a_service_in_maintenance_keeps_no_other_region(evening: Evening) -> None:
    """Its gateway answers 404 in its place: the others take over what cannot be launched there."""
    evening.sandbox.add_fault(FaultRule(service="image", region="SBG5", status=404))
    state = evening.run(keep_fleet)
    assert state.is_completed(), state.message
    assert 6 == evening.serving()
    assert "SBG5" not in evening.serving_by_region()


@pytest.mark.usefixtures("brief")
def test_a_region_that_is_away_fails_no_keeping(evening: Evening) -> None:
    """The others take its servers over: the outcome tells what is open, and nobody is called."""
    rule = FaultRule(service="compute", region="SBG5", status=503, retry_after_s=0)
    evening.sandbox.add_fault(rule)
    state = evening.run(keep_fleet)
    assert state.is_completed(), state.message
    told = evening.artifact("outcome-api")
    assert "of 6 serve at the deadline; still open: " in told
    assert "SBG5: " in told


@pytest.mark.usefixtures("brief")
def test_a_keeping_that_may_not_remove_fails(evening: Evening) -> None:
    """A claim that cannot be read keeps servers standing after the window: each keeping says so."""
    evening.run(open_evening_window)
    asyncio.run(Variable.aset("springtide_claim_broken", {"servers": "many"}))
    evening.sandbox.set_clock(TAIL)
    state = evening.run(keep_fleet)
    assert state.is_failed(), state.message
    assert "nothing is removed while the claims cannot be read" in (state.message or "")
    assert 6 == evening.serving()
