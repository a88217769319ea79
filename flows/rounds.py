"""The rounds of every fleet's lifecycle: the library's convergence, handed Prefect's tasks."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from prefect import Task, get_run_logger
from prefect.context import SyncClientContext
from prefect.futures import PrefectFuture

from springtide.convergence import Hands, Pace, converge
from springtide.model.outcome import UNTOUCHED, Outcome
from springtide.model.plan import (
    Action,
    ActionResult,
    Delete,
    Drain,
    Join,
    Launch,
    Leave,
    Mark,
    OnServers,
    Reboot,
    RoundPlan,
    Verdict,
)
from springtide.model.snapshot import Observation
from springtide.planning.claim_book import Note
from springtide.planning.deciding import Decider
from springtide.planning.telling import action_name, plan_summary, progress_of
from tasks.calls import calls_notes
from tasks.claims import clear_entry
from tasks.outage import best_effort
from tasks.pools import drain_members, join_pool, leave_pool
from tasks.screens import Progress, show_plan
from tasks.servers import delete_servers, launch_wave, mark_servers, reboot_servers
from tasks.watch import FleetWatch

_TASKS: dict[type[Action], Task[Any, Any]] = {
    Launch: launch_wave,
    Delete: delete_servers,
    Join: join_pool,
    Drain: drain_members,
    Leave: leave_pool,
    Mark: mark_servers,
    Reboot: reboot_servers,
}
_AWAY = "Prefect's server is away: whether it was done, the next look shows"


async def converge_fleet(
    watch: FleetWatch, decider: Decider, pace: Pace, *, note: str = ""
) -> Outcome:
    """The outcome of the fleet's convergence, each action a task with a name for people.

    `note` is shown with the plan.
    """
    progress = Progress(watch.fleet.name)
    launched: Counter[str] = Counter()
    first: list[RoundPlan] = []

    async def observe() -> Observation:
        observation = await watch.look()
        wanted = decider.desired(observation).servers > 0
        if wanted and await watch.prepare_launch(required=False):
            return await watch.look()
        return observation

    async def tell(plan: RoundPlan, number: int) -> None:
        if not first:
            first.append(plan)
            with best_effort("plan"):
                await show_plan(plan, note)
        if plan.actions:
            get_run_logger().info("round=%d %s", number, plan_summary(plan))
        with best_effort("progress"):
            await progress.show(progress_of(first[0], plan), plan_summary(plan))
        for learnt in plan.learnt if plan.frozen is None and not pace.dry_run else ():
            with best_effort("note"):
                await watch.remember(learnt)

    async def act(plan: RoundPlan, _number: int) -> tuple[ActionResult, ...]:
        return await _act(watch, plan, launched)

    hands = Hands(observe=observe, decide=decider.plan, act=act, tell=tell, sleep=asyncio.sleep)
    outcome = await converge(hands, pace)
    if outcome.ending not in UNTOUCHED:
        startups = watch.startups.notes(decider.run, outcome.ended_at)
        await _put_away(watch, (*startups, *calls_notes(watch.order())))
    return outcome


async def _put_away(watch: FleetWatch, learnt: Iterable[Note]) -> None:
    """Remember what the run has learnt, and clear what is over."""
    for note in learnt:
        with best_effort("note"):
            await watch.remember(note)
    for name in watch.over:
        with best_effort("clearing"):
            await clear_entry(name)


async def _act(
    watch: FleetWatch, plan: RoundPlan, launched: Counter[str]
) -> tuple[ActionResult, ...]:
    """Carry the plan out: one lane for each region's servers and one for its pool, side by side."""
    lanes: dict[tuple[str, bool], list[tuple[Action, str]]] = {}
    for action in plan.actions:
        if isinstance(action, Launch) and not action.canary:
            launched[action.region] += 1
        name = action_name(action, ordinal=launched[action.region])
        place = (action.region, isinstance(action, OnServers))
        lanes.setdefault(place, []).append((action, name))
    done = await asyncio.gather(*(_lane(watch, lane) for lane in lanes.values()))
    results = tuple(result for lane in done for result in lane)
    for region in {r.action.region for r in results if r.exhausted == "quota"}:
        await watch.observer.refresh_headroom(region)
    return results


async def _lane(watch: FleetWatch, lane: Iterable[tuple[Action, str]]) -> list[ActionResult]:
    results = []
    for action, name in lane:
        task = _TASKS[type(action)].with_options(task_run_name=name)
        result = ActionResult(action=action, verdict=Verdict.LATER, detail=_AWAY)
        # The task's thread inherits this client. Without one it makes two, and never closes the
        # first (Prefect's `hydrated_context`). It is the action's own: one that all share would be
        # closed under the other lanes where a lane raises, and one that has connected once tries
        # for a minute where Prefect's server is away (`_has_connected`).
        with best_effort(name), SyncClientContext.get_or_create():
            future = task.submit(action, watch.order())
            await asyncio.to_thread(future.wait)
            result = _result(action, future)
        results.append(result)
    return results


def _result(action: Action, future: PrefectFuture[Any]) -> ActionResult:
    """The task's own result, of one that failed too: it tells how much was done all the same."""
    result = future.result(raise_on_failure=False)
    if isinstance(result, ActionResult):
        return result
    state = future.state
    return ActionResult(action=action, verdict=Verdict.FAILED, detail=state.message or state.name)
