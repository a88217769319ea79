"""What people are told of plans and outcomes."""

import pytest

from springtide.model.outcome import Ending, Outcome, Round
from springtide.model.plan import (
    Action,
    ActionResult,
    Delete,
    Drain,
    Join,
    Launch,
    Leave,
    PoolMember,
    RoundPlan,
    Shortfall,
    Verdict,
    Wait,
)
from springtide.model.server import Phase
from springtide.planning.telling import (
    action_name,
    action_size,
    broken_promise,
    outcome_rows,
    outcome_told,
    plan_rows,
    plan_summary,
    progress_of,
)
from tests.planning.fleet_world import START, desired

MEMBERS = tuple(PoolMember(server_id=f"s{n}", name="", address="127.1.0.1") for n in range(3))
DELETE = Delete(region="GRA11", server_ids=("s1",), reason="too many")
JOIN = Join(region="RBX1", members=MEMBERS, reason="they answer")
SHORT = Shortfall(servers=4, reason="GRA11: cap 6")


def a_launch(servers: int = 16, *, canary: bool = False) -> Launch:
    """A wave in GRA11."""
    return Launch(
        region="GRA11",
        wave="w",
        servers=servers,
        image_id="i",
        canary=canary,
        reason="30 desired",
    )


def a_plan(servers: int = 30, serving: int = 0, **changes: object) -> RoundPlan:
    """A plan for so many servers where so many serve, changed as asked."""
    base: dict[str, object] = {
        "fleet": "api",
        "at": START,
        "desired": desired(servers),
        "phases": {"GRA11": {Phase.SERVING: serving}} if serving else {},
    }
    return RoundPlan.model_validate(base | changes)


def an_outcome(last: RoundPlan, *results: ActionResult, ending: Ending = Ending.SETTLED) -> Outcome:
    """The outcome of one round with these results."""
    return Outcome(
        fleet="api",
        ending=ending,
        began_at=START,
        ended_at=START,
        seconds=12.345,
        first=last,
        last=last,
        rounds=(Round(number=1, plan=last, results=results),) if results else (),
    )


@pytest.mark.parametrize(
    ("action", "ordinal", "size", "name"),
    [
        (a_launch(), None, 16, "launch gra11 (16 servers)"),
        (a_launch(), 2, 16, "launch gra11 wave 2 (16 servers)"),
        (a_launch(1), 1, 1, "launch gra11 wave 1 (1 server)"),
        (a_launch(1, canary=True), 3, 1, "launch gra11 canary (1 server)"),
        (DELETE, 2, 1, "delete gra11 (1 server)"),
        (JOIN, None, 3, "join rbx1 (3 members)"),
        (
            Drain(region="RBX1", members=MEMBERS[:1], reason="too many"),
            None,
            1,
            "drain rbx1 (1 member)",
        ),
        (Leave(region="SBG5", members=MEMBERS, reason="over"), 1, 3, "leave sbg5 (3 members)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_action_has_a_short_name(
    action: Action, ordinal: int | None, size: int, name: str
) -> None:
    """What, where and how many; waves are numbered where the number is known."""
    assert (size, name) == (action_size(action), action_name(action, ordinal=ordinal))


def test_a_plan_s_rows_name_everything_with_its_reason() -> None:
    """Actions, waits, the shortfall and alarms, in that order."""
    plan = a_plan(
        actions=(a_launch(), DELETE),
        waits=(
            Wait(region="RBX1", servers=2, reason="2 building"),
            Wait(reason="the store is down"),
        ),
        shortfall=SHORT,
        alarms=("GRA11: no active image matches api-*",),
    )
    assert [
        ("launch", "GRA11", 16, "30 desired"),
        ("delete", "GRA11", 1, "too many"),
        ("wait", "RBX1", 2, "2 building"),
        ("wait", "all", 0, "the store is down"),
        ("shortfall", "all", 4, "GRA11: cap 6"),
        ("alarm", "all", 0, "GRA11: no active image matches api-*"),
    ] == [tuple(row.values()) for row in plan_rows(plan)]


def test_an_empty_plan_says_so() -> None:
    """A table without rows would look like a fault."""
    assert ["nothing"] == [row["what"] for row in plan_rows(a_plan())]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(
            a_plan(), "30 desired: test asks for 30. Now: no servers.", id="nothing-stands"
        ),
        pytest.param(
            a_plan(
                phases={
                    "GRA11": {Phase.SERVING: 4, Phase.BUILDING: 1},
                    "RBX1": {Phase.SERVING: 2, Phase.FAILED: 1},
                }
            ),
            "30 desired: test asks for 30. Now: 1 building, 6 serving, 1 failed.",
            id="phases-over-all-regions-in-the-order-of-life",
        ),
        pytest.param(
            a_plan(desired=desired(10, asked=30)),
            "10 desired (asked for 30): test asks for 10. Now: no servers.",
            id="capped",
        ),
        pytest.param(
            a_plan(frozen="frozen by operations: works"),
            "30 desired: test asks for 30. Now: no servers."
            " **frozen by operations: works: nothing will be changed.**",
            id="frozen",
        ),
    ],
)
def test_a_plan_s_summary(plan: RoundPlan, expected: str) -> None:
    """How many, why, how many there are, and whether anything will be done."""
    assert expected == plan_summary(plan)


def under_way(
    servers: int, serving: int, phase: Phase = Phase.BUILDING, rest: int = 0
) -> RoundPlan:
    """A plan that is not settled yet, with `rest` servers in another phase."""
    phases = {"GRA11": {Phase.SERVING: serving, phase: rest}}
    return a_plan(servers, phases=phases, waits=(Wait(reason="under way"),))


@pytest.mark.parametrize(
    ("first", "plan", "expected"),
    [
        pytest.param(under_way(30, 0), under_way(30, 0), 0, id="opening-nothing-yet"),
        pytest.param(under_way(30, 0), under_way(30, 15), 50, id="opening-half"),
        pytest.param(under_way(30, 0), under_way(30, 30), 99, id="opening-not-settled-yet"),
        pytest.param(under_way(30, 0), a_plan(30, 30), 100, id="settled"),
        pytest.param(under_way(30, 0), a_plan(30, 0), 100, id="settled-short"),
        pytest.param(under_way(30, 20), under_way(30, 25), 50, id="from-where-it-began"),
        pytest.param(under_way(30, 0), under_way(60, 0), 0, id="more-wanted-meanwhile"),
        pytest.param(under_way(0, 30), under_way(0, 30), 0, id="closing-nothing-yet"),
        pytest.param(
            under_way(0, 30),
            under_way(0, 0, Phase.LEAVING, 15),
            50,
            id="closing-counts-what-still-stands",
        ),
        pytest.param(under_way(0, 0), under_way(0, 0, Phase.FAILED, 1), 0, id="a-leftover"),
    ],
)
def test_progress(first: RoundPlan, plan: RoundPlan, expected: float) -> None:
    """Percent of the way since the first plan; 100 is kept for the end."""
    assert expected == progress_of(first, plan)


def test_an_outcome_s_rows_measure_it() -> None:
    """What was asked, done and left, and each failure once."""
    outcome = an_outcome(
        a_plan(phases={"GRA11": {Phase.SERVING: 26, Phase.LEAVING: 2}}, shortfall=SHORT),
        ActionResult(action=a_launch(), verdict=Verdict.DONE, servers=16),
        ActionResult(action=DELETE, verdict=Verdict.DONE, servers=1),
        ActionResult(action=JOIN, verdict=Verdict.FAILED, detail="400 wrong"),
        ActionResult(action=JOIN, verdict=Verdict.FAILED, detail="400 wrong"),
        ActionResult(action=JOIN, verdict=Verdict.LATER, detail="409 busy"),
    )
    assert [
        ("ended", "settled"),
        ("asked", 30),
        ("desired", 30),
        ("serving", 26),
        ("launched", 16),
        ("deleted", 1),
        ("standing, not serving", 2),
        ("seconds", "12.3"),
        ("rounds that acted", 1),
        ("shortfall", "4: GRA11: cap 6"),
        ("failed", "400 wrong"),
    ] == [(row["measure"], row["value"]) for row in outcome_rows(outcome)]


def test_a_frozen_outcome_says_who_froze_it() -> None:
    """Instead of the bare word."""
    plan = a_plan(frozen="frozen by operations: works")
    rows = outcome_rows(an_outcome(plan, ending=Ending.FROZEN))
    assert "frozen by operations: works" == rows[0]["value"]


@pytest.mark.parametrize(
    ("plan", "ending", "expected"),
    [
        pytest.param(a_plan(30, 30), Ending.SETTLED, None, id="kept"),
        pytest.param(a_plan(0, 0), Ending.SETTLED, None, id="closed"),
        pytest.param(a_plan(30, 0), Ending.DRY_RUN, None, id="only-shown"),
        pytest.param(a_plan(30, 0, shortfall=SHORT), Ending.FROZEN, None, id="frozen"),
        pytest.param(
            a_plan(30, 26, shortfall=SHORT),
            Ending.SETTLED,
            "26 of 30 serve; GRA11: cap 6",
            id="short",
        ),
        pytest.param(
            a_plan(30, 26, waits=(Wait(region="RBX1", reason="4 building"), Wait(reason="claims"))),
            Ending.DEADLINE,
            "26 of 30 serve at the deadline; still open: RBX1: 4 building; all: claims",
            id="too-late",
        ),
    ],
)
def test_a_broken_promise(plan: RoundPlan, ending: Ending, expected: str | None) -> None:
    """What was promised and not reached, and why; only where it was to be reached."""
    assert expected == broken_promise(an_outcome(plan, ending=ending))


def test_what_was_still_to_do_is_told_at_the_deadline() -> None:
    """By region and kind, with what finds no room, what failed and why."""
    plan = a_plan(0, 0, actions=(DELETE, DELETE, JOIN), shortfall=SHORT)
    forbidden = ActionResult(action=DELETE, verdict=Verdict.FAILED, detail="403 forbidden")
    told = broken_promise(an_outcome(plan, forbidden, forbidden, ending=Ending.DEADLINE))
    assert told == (
        "0 of 0 serve at the deadline; still open: GRA11: 2 to delete; RBX1: 3 to join;"
        " 4 find no room: GRA11: cap 6; failed: 403 forbidden"
    )


def test_what_was_put_off_is_told_at_the_deadline() -> None:
    """Where the last round's actions were refused for the time being, their refusals are named."""
    busy = ActionResult(action=JOIN, verdict=Verdict.LATER, detail="409 busy")
    told = broken_promise(an_outcome(a_plan(30, 26), busy, ending=Ending.DEADLINE))
    assert "26 of 30 serve at the deadline; still open: 409 busy" == told


FORBIDDEN = ActionResult(action=DELETE, verdict=Verdict.FAILED, detail="403 forbidden")
BUSY = ActionResult(action=JOIN, verdict=Verdict.LATER, detail="409 busy")
LOCKED = ActionResult(action=DELETE, verdict=Verdict.LATER, detail="409 is locked")


@pytest.mark.parametrize(
    ("plan", "result", "under_way"),
    [
        pytest.param(a_plan(waits=(Wait(reason="4 building"),)), BUSY, True, id="boots"),
        pytest.param(a_plan(waits=(Wait(reason="RBX1 is away"),)), BUSY, True, id="one-is-away"),
        pytest.param(a_plan(), FORBIDDEN, False, id="failed"),
        pytest.param(a_plan(), LOCKED, False, id="not-deleted"),
        pytest.param(a_plan(shortfall=SHORT), BUSY, False, id="short"),
        pytest.param(a_plan(waits=(Wait(reason="claims", blind=True),)), BUSY, False, id="blind"),
    ],
)
def test_what_is_under_way_is_settled_by_time_alone(
    plan: RoundPlan, result: ActionResult, *, under_way: bool
) -> None:
    """At the deadline; an outcome that ended otherwise has nothing under way."""
    assert under_way is an_outcome(plan, result, ending=Ending.DEADLINE).under_way
    assert not an_outcome(plan, result).under_way


@pytest.mark.parametrize(
    ("plan", "ending", "told"),
    [
        pytest.param(a_plan(30, 30), Ending.SETTLED, "as desired", id="settled"),
        pytest.param(
            a_plan(30, 26, waits=(Wait(region="RBX1", reason="4 building"),)),
            Ending.DEADLINE,
            "26 of 30 serve at the deadline; still open: RBX1: 4 building",
            id="under-way",
        ),
        pytest.param(a_plan(actions=(JOIN,)), Ending.DRY_RUN, "dry run", id="only-shown"),
        pytest.param(a_plan(frozen="by us: works"), Ending.FROZEN, "by us: works", id="frozen"),
    ],
)
def test_an_outcome_in_a_line(plan: RoundPlan, ending: Ending, told: str) -> None:
    """Only what is as desired is called so."""
    assert told == outcome_told(an_outcome(plan, ending=ending))
