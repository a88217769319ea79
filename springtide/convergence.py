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

from springtide.model.claim import ExhaustedMark
from springtide.model.outcome import Ending, Outcome, Round
from springtide.model.plan import ActionResult, RoundPlan, Verdict
from springtide.model.snapshot import Observation

_QUOTA_PAUSE_S = 30
"""How long a region is left alone after its quota refused a launch: the refusal may come from
somebody else's servers, which no look of ours shows."""


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


async def converge(hands: Hands, pace: Pace) -> Outcome:
    """The outcome of rounds until settled, frozen, or `pace.deadline_s` has passed.

    Raises:
        Whatever `observe` and `act` raise: they handle what is to be tried again themselves.
    """
    began = time.monotonic()
    marks: tuple[ExhaustedMark, ...] = ()
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
            marks = (*marks, *plan.marks, *_quota_marks(plan, results))
        await hands.sleep(pace.interval_s)
        observation = _with_marks(await hands.observe(), marks)
        plan = hands.decide(observation)


def _ending(plan: RoundPlan, pace: Pace, *, elapsed_s: float) -> Ending | None:
    if plan.settled:
        return Ending.SETTLED
    if pace.dry_run:
        return Ending.DRY_RUN
    if plan.frozen is not None:
        return Ending.FROZEN
    return Ending.DEADLINE if elapsed_s >= pace.deadline_s else None


def _quota_marks(plan: RoundPlan, results: tuple[ActionResult, ...]) -> tuple[ExhaustedMark, ...]:
    """Marks of this run alone: a quota is waited out and not remembered as a failure."""
    refused = {
        result.action.region
        for result in results
        if result.verdict is Verdict.LATER and result.exhausted == "quota"
    }
    return tuple(
        ExhaustedMark(
            key=f"quota-{plan.fleet}-{region.lower()}",
            fleet=plan.fleet,
            region=region,
            flavour=None,
            until=plan.at + timedelta(seconds=_QUOTA_PAUSE_S),
            reason="the quota refused a launch",
        )
        for region in sorted(refused)
    )


def _with_marks(observation: Observation, marks: tuple[ExhaustedMark, ...]) -> Observation:
    """The observation with what this run learnt, should the store have lost or refused it."""
    known = {mark.key: mark for mark in (*observation.book.exhausted, *marks)}
    book = observation.book.model_copy(update={"exhausted": tuple(known.values())})
    return observation.model_copy(update={"book": book})
