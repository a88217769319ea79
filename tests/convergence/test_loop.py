"""The loop itself, without a cloud: when it ends, what it tells, and what it remembers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from springtide.convergence import Hands, Pace, converge
from springtide.errors import Retryable
from springtide.model.claim import ClaimBook, ExhaustedMark
from springtide.model.outcome import Ending, Outcome
from springtide.model.plan import Action, ActionResult, Delete, Launch, RoundPlan, Verdict, Wait
from springtide.model.snapshot import FleetSnapshot, Observation
from tests.planning.fleet_world import START, desired

LAUNCH = Launch(region="GRA11", wave="gra11-1", servers=2, image_id="image-1", reason="desired")
DELETE = Delete(region="GRA11", server_ids=("s1",), reason="too many")
WAIT = Wait(region="GRA11", servers=2, reason="2 building")
UNHURRIED = Pace(interval_s=4, deadline_s=600)


def a_plan(**changes: object) -> RoundPlan:
    """A plan with nothing to do, changed as asked."""
    base: dict[str, object] = {"fleet": "api", "at": START, "desired": desired(2), "phases": {}}
    return RoundPlan.model_validate(base | changes)


SETTLED = a_plan()
LAUNCHING = a_plan(actions=(LAUNCH,))


def a_mark(**changes: object) -> ExhaustedMark:
    """A mark for GRA11, changed as asked."""
    base: dict[str, object] = {
        "key": "exhausted-api-gra11-any",
        "fleet": "api",
        "region": "GRA11",
        "until": START + timedelta(minutes=5),
        "reason": "no host had room",
    }
    return ExhaustedMark.model_validate(base | changes)


def done(action: Action) -> ActionResult:
    """It went well."""
    return ActionResult(action=action, verdict=Verdict.DONE)


def refused(action: Action, **changes: object) -> ActionResult:
    """It was refused for now, or as asked."""
    base: dict[str, object] = {"action": action, "verdict": Verdict.LATER, "detail": "lost"}
    return ActionResult.model_validate(base | changes)


@dataclass
class Script:
    """Plays the given plans one after the other, the last one again and again."""

    plans: Sequence[RoundPlan]
    results: Sequence[ActionResult] = ()
    """What became of the only action of each acting round, in order; afterwards all goes well."""
    stored: tuple[ExhaustedMark, ...] = ()
    error: Exception | None = None
    """What observing raises."""
    seen: list[tuple[ExhaustedMark, ...]] = field(default_factory=list)
    """The marks that each decision was given."""
    told: list[int] = field(default_factory=list)
    acted: list[int] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def run(self, pace: Pace = UNHURRIED) -> Outcome:
        """The outcome of the loop."""
        hands = Hands(self._observe, self._decide, self._act, self._tell, self._sleep)
        return asyncio.run(converge(hands, pace))

    async def _observe(self) -> Observation:
        if self.error is not None:
            raise self.error
        snapshot = FleetSnapshot(fleet="api", at=START, regions=())
        return Observation(now=START, snapshot=snapshot, book=ClaimBook(exhausted=self.stored))

    def _decide(self, observation: Observation) -> RoundPlan:
        self.seen.append(observation.book.exhausted)
        return self.plans[min(len(self.seen), len(self.plans)) - 1]

    async def _act(self, plan: RoundPlan, number: int) -> tuple[ActionResult, ...]:
        self.acted.append(number)
        turn = len(self.acted) - 1
        if turn < len(self.results):
            return (self.results[turn],)
        return tuple(done(action) for action in plan.actions)

    async def _tell(self, _plan: RoundPlan, number: int) -> None:
        self.told.append(number)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_nothing_to_do_ends_at_once() -> None:
    """A settled first plan is told, and neither acted upon nor slept over."""
    script = Script([SETTLED])
    outcome = script.run()
    assert (Ending.SETTLED, ()) == (outcome.ending, outcome.rounds)
    assert ([1], [], []) == (script.told, script.acted, script.slept)


def test_rounds_go_on_until_a_plan_is_settled() -> None:
    """It looks again soon after it acted; rounds that only wait are told and not kept."""
    script = Script([LAUNCHING, a_plan(waits=(WAIT,)), a_plan(actions=(DELETE,)), SETTLED])
    outcome = script.run()
    assert Ending.SETTLED is outcome.ending
    assert [1, 2] == script.acted == [each.number for each in outcome.rounds]
    assert [1, 2, 2, 3] == script.told
    assert [1, 4, 1] == script.slept
    assert (LAUNCHING, SETTLED) == (outcome.first, outcome.last)


@pytest.mark.parametrize(
    ("plan", "pace", "ending"),
    [
        pytest.param(SETTLED, UNHURRIED, Ending.SETTLED, id="settled"),
        pytest.param(SETTLED, Pace(1, 600, dry_run=True), Ending.DRY_RUN, id="settled-dry-run"),
        pytest.param(SETTLED, Pace(1, 0), Ending.SETTLED, id="settled-at-the-deadline"),
        pytest.param(a_plan(frozen="f"), UNHURRIED, Ending.SETTLED, id="settled-and-frozen"),
        pytest.param(LAUNCHING, Pace(1, 600, dry_run=True), Ending.DRY_RUN, id="dry-run"),
        pytest.param(
            LAUNCHING.model_copy(update={"frozen": "f"}),
            Pace(1, 600, dry_run=True),
            Ending.DRY_RUN,
            id="dry-run-while-frozen",
        ),
        pytest.param(
            LAUNCHING.model_copy(update={"frozen": "f"}), UNHURRIED, Ending.FROZEN, id="frozen"
        ),
        pytest.param(
            a_plan(frozen="f", waits=(WAIT,)), UNHURRIED, Ending.FROZEN, id="frozen-on-the-way"
        ),
        pytest.param(LAUNCHING, Pace(1, 0), Ending.DEADLINE, id="past-the-deadline"),
        pytest.param(a_plan(waits=(WAIT,)), Pace(1, 0), Ending.DEADLINE, id="waits-too-long"),
    ],
)
def test_ends_without_acting(plan: RoundPlan, pace: Pace, ending: Ending) -> None:
    """What is settled, only shown, frozen or too late is told once and changes nothing."""
    script = Script([plan])
    outcome = script.run(pace)
    assert ending is outcome.ending
    assert ([1], []) == (script.told, script.acted)


def test_a_shortfall_alone_is_settled() -> None:
    """Where nothing can be done and nothing is to come, the run ends and tells the shortfall."""
    short = a_plan(shortfall={"servers": 2, "reason": "GRA11: cap 4"})
    outcome = Script([short]).run()
    assert (Ending.SETTLED, short.shortfall) == (outcome.ending, outcome.last.shortfall)


def test_the_deadline_ends_what_never_settles() -> None:
    """Acting rounds end at the deadline as well; the last plan says what was still to do."""
    script = Script([LAUNCHING])
    outcome = script.run(Pace(interval_s=0, deadline_s=0.05))
    assert Ending.DEADLINE is outcome.ending
    assert LAUNCHING == outcome.last
    assert len(outcome.rounds) == len(script.acted) == len(script.told) - 1 > 0


def test_a_freeze_that_comes_in_between_stops_the_next_round() -> None:
    """What was begun stays as it is from the round on that sees the freeze."""
    script = Script([LAUNCHING, a_plan(actions=(DELETE,), frozen="frozen by operations: works")])
    outcome = script.run()
    assert (Ending.FROZEN, [1]) == (outcome.ending, script.acted)


def test_marks_outlive_a_store_that_loses_them() -> None:
    """What a round learnt is told to all later decisions, though the store forgets it."""
    learnt = a_mark()
    marking = LAUNCHING.model_copy(update={"marks": (learnt,)})
    script = Script([marking, LAUNCHING, a_plan(waits=(WAIT,)), SETTLED])
    script.run()
    assert [(), (learnt,), (learnt,), (learnt,)] == script.seen


@pytest.mark.parametrize(
    ("stored_minutes", "kept_minutes"), [(4, 5), (6, 6)], ids=["ours-is-later", "theirs-is-later"]
)
def test_of_two_marks_of_one_key_the_later_end_counts(
    stored_minutes: int, kept_minutes: int
) -> None:
    """Another run's newer mark is not shortened by what this one remembers, nor the reverse."""
    stored = a_mark(until=START + timedelta(minutes=stored_minutes))
    marking = LAUNCHING.model_copy(update={"marks": (a_mark(),)})
    script = Script([marking, SETTLED], stored=(stored,))
    script.run()
    assert [START + timedelta(minutes=kept_minutes)] == [mark.until for mark in script.seen[-1]]


@pytest.mark.parametrize(
    ("results", "marked"),
    [
        pytest.param([refused(LAUNCH, exhausted="quota")], [True], id="quota"),
        pytest.param(
            [refused(LAUNCH, verdict="failed", detail="400")], [False], id="wrong-for-good"
        ),
        pytest.param([refused(LAUNCH)], [], id="lost-once"),
        pytest.param([refused(LAUNCH), done(LAUNCH)], [], id="lost-once-and-then-made"),
        pytest.param([refused(LAUNCH), refused(LAUNCH)], [True], id="lost-twice"),
        pytest.param([refused(DELETE), refused(DELETE)], [], id="deletes-refused-twice"),
        pytest.param([done(LAUNCH)], [], id="made"),
    ],
)
def test_a_region_that_refuses_launches_is_marked(
    results: list[ActionResult], marked: list[bool]
) -> None:
    """By quota or for good at once, else at the second time; only what is wrong cannot pass."""
    plans = [a_plan(actions=(result.action,)) for result in results]
    script = Script([*plans, SETTLED], results=results)
    script.run()
    assert marked == [mark.passing for mark in script.seen[-1]]
    assert {("api", "GRA11", START + timedelta(seconds=30))} >= {
        (mark.fleet, mark.region, mark.until) for mark in script.seen[-1]
    }


def test_an_error_of_the_eyes_ends_the_run() -> None:
    """What observing raises is not swallowed."""
    script = Script([SETTLED], error=Retryable("the clock does not tell the time"))
    with pytest.raises(Retryable, match="the clock"):
        script.run()
