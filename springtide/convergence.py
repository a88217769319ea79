"""The loop that makes it so: observe, decide, act, until what is observed is what is desired.

As an operator reads it: every round looks at the cloud and reads the claims anew, so a surge asked
for while a window opens is served by the next round. The loop knows no cloud and no Prefect: it is
given what observes, decides, acts and tells. It ends when a round has nothing to do and nothing to
wait for, or at its deadline, and it can be killed at any point: the next run goes on.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from springtide.model.claim import ClaimBook, ExhaustedMark, key_part
from springtide.model.outcome import Ending, Outcome, Round
from springtide.model.plan import ActionResult, Launch, RoundPlan, Verdict
from springtide.model.snapshot import Observation

_PAUSE_S = 30
"""How long a region is left alone that refuses launches, by its quota or otherwise: what is behind
it (somebody else's servers, a broken service) is shown by no look of ours. The others take over."""


@dataclass(frozen=True)
class Hands:
    """What the loop is given to see, decide, act and tell with."""

    observe: Callable[[], Awaitable[Observation]]
    decide: Callable[[Observation], RoundPlan]
    act: Callable[[RoundPlan, int], Awaitable[tuple[ActionResult, ...]]]
    """Carries out the plan of the round of that number; returns one result for each action."""
    tell: Callable[[RoundPlan, int], Awaitable[None]]
    """Hears of every plan before it is carried out."""
    sleep: Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Pace:
    """How often to look, and for how long."""

    interval_s: float
    deadline_s: float
    dry_run: bool = False
    after_acting_s: float = 1.0
    """The first look after a round that acted comes so soon: what was asked for may be there."""

    def pause_s(self, *, acted: bool) -> float:
        """How long to wait until the next look, in seconds."""
        return min(self.after_acting_s, self.interval_s) if acted else self.interval_s


async def converge(hands: Hands, pace: Pace) -> Outcome:
    """The outcome of rounds until settled, frozen, or `pace.deadline_s` has passed.

    A dry run ends with its first plan, and as one, also where nothing is to be done.

    Raises:
        Whatever `observe` and `act` raise: they handle what is to be tried again themselves.
    """
    began = time.monotonic()
    learnt = ClaimBook()
    rounds: list[Round] = []
    observation = await hands.observe()
    first = plan = hands.decide(observation)
    while True:
        number = len(rounds) + 1
        await hands.tell(plan, number)
        ending = _ending(plan, pace, elapsed_s=time.monotonic() - began)
        if ending is not None:
            return Outcome(
                fleet=plan.fleet,
                ending=ending,
                began_at=first.at,
                ended_at=plan.at,
                seconds=round(time.monotonic() - began, 3),
                first=first,
                last=plan,
                rounds=tuple(rounds),
            )
        if plan.actions:
            results = await hands.act(plan, number)
            rounds.append(Round(number=number, plan=plan, results=results))
            learnt = _with_learnt(learnt, _lessons(rounds))
        await hands.sleep(pace.pause_s(acted=bool(plan.actions)))
        observation = await hands.observe()
        book = _with_learnt(observation.book, learnt)
        observation = observation.model_copy(update={"book": book})
        plan = hands.decide(observation)


def _ending(plan: RoundPlan, pace: Pace, *, elapsed_s: float) -> Ending | None:
    # First of all: by its ending a run stores what it learnt, and sweeps; a dry run does neither.
    if pace.dry_run:
        return Ending.DRY_RUN
    if plan.settled:
        return Ending.SETTLED
    if plan.frozen is not None:
        return Ending.FROZEN
    return Ending.DEADLINE if elapsed_s >= pace.deadline_s else None


def _refusal_marks(rounds: list[Round]) -> tuple[ExhaustedMark, ...]:
    """Marks of this run alone, for the launches that the last round had refused.

    A launch that may be tried again is tried once more before its region is left alone.
    """
    plan, refusals = rounds[-1].plan, _refusals(rounds[-1])
    before = _refusals(rounds[-2]) if len(rounds) > 1 else {}
    return tuple(
        ExhaustedMark(
            key=f"refused-{plan.fleet}-{key_part(region)}",
            fleet=plan.fleet,
            region=region,
            until=plan.at + timedelta(seconds=_PAUSE_S),
            reason=_why_refused(refusal),
            passing=refusal.verdict is Verdict.LATER,
        )
        for region, refusal in sorted(refusals.items())
        if region in before or not _is_tried_again(refusal)
    )


def _refusals(done: Round) -> dict[str, ActionResult]:
    """The last refused launch of each region."""
    launches = (result for result in done.results if isinstance(result.action, Launch))
    return {r.action.region: r for r in launches if r.verdict is not Verdict.DONE}


def _is_tried_again(refusal: ActionResult) -> bool:
    return refusal.verdict is Verdict.LATER and refusal.exhausted is None


def _why_refused(refusal: ActionResult) -> str:
    if refusal.exhausted == "quota":
        return "the quota refused a launch"
    return f"launches are refused: {refusal.detail}"


def _lessons(rounds: list[Round]) -> ClaimBook:
    """What the last round has taught."""
    plan = rounds[-1].plan
    marks = (*plan.marks, *_refusal_marks(rounds))
    return ClaimBook(exhausted=marks, deaths=plan.deaths, halts=plan.halts)


def _with_learnt(book: ClaimBook, learnt: ClaimBook) -> ClaimBook:
    """The book with what this run learnt, should the store have lost or refused it."""
    marks = sorted((*book.exhausted, *learnt.exhausted), key=lambda mark: mark.until)
    return book.model_copy(
        update={
            "exhausted": tuple({mark.key: mark for mark in marks}.values()),
            "deaths": tuple({d.key: d for d in (*learnt.deaths, *book.deaths)}.values()),
            "halts": tuple({h.key: h for h in (*learnt.halts, *book.halts)}.values()),
        }
    )
