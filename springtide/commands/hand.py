"""A fleet converged without Prefect: the library's loop, handed the clouds themselves."""

import asyncio
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from springtide.clouds.audit import AuditLog
from springtide.clouds.clock import present
from springtide.clouds.observer import FleetObserver
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.performing import perform
from springtide.convergence import Hands, Pace, converge
from springtide.errors import Misconfigured
from springtide.estate import load_estate, school_holidays, user_data
from springtide.model.claim import ClaimBook
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.glance import FleetGlance
from springtide.model.outcome import Outcome
from springtide.model.plan import Action, ActionResult, Launch, RoundPlan
from springtide.model.snapshot import FleetSnapshot, Observation
from springtide.planning.claim_book import read_book
from springtide.planning.deciding import Decider
from springtide.planning.evening_orders import opening_patience_s
from springtide.planning.fleet_glance import coming_evenings
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.telling import action_name, plan_summary


@dataclass
class FleetHand:
    """One fleet, driven without Prefect."""

    estate_file: Path
    estate: Estate
    fleet: Fleet
    observer: FleetObserver
    decider: Decider
    say: Callable[[str], None]
    """Hears of every round and every action, a line each."""
    audit: AuditLog
    """Where its changes are written down."""

    def book_of(self, entries: dict[str, object] | None) -> ClaimBook:
        """The book of stored entries by name; None: unreadable, so nothing is removed."""
        if entries is None:
            return ClaimBook(trouble="Prefect's store is not read by the command line")
        return read_book(entries, present(self.estate))[0]

    async def observe(self, book: ClaimBook) -> Observation:
        """The fleet as it stands, ready for a launch where one may be needed."""
        now = present(self.estate)
        unseen = FleetSnapshot(fleet=self.fleet.name, at=now, regions=())
        observation = Observation(now=now, snapshot=unseen, book=book)
        if self.decider.desired(observation).servers > 0 and not self.observer.launchable:
            # What is lacking is told by the plan; it must not keep the fleet from shrinking.
            with suppress(Misconfigured):
                await self.observer.prepare_launch()
        return observation.model_copy(update={"snapshot": await self.observer.look(now)})

    async def look_once(self, book: ClaimBook) -> FleetGlance:
        """The fleet as it stands, and what a round would do now."""
        await self._prepare()
        observation = await self.observe(book)
        windows, calendar = self.decider.windows, self.decider.calendar
        return FleetGlance(
            plan=self.decider.plan(observation),
            observation=observation,
            evenings=coming_evenings(windows, calendar, observation.now),
        )

    async def converge(self, book: ClaimBook, *, dry_run: bool = False) -> Outcome:
        """The outcome of rounds until the fleet is what its claims ask for.

        Raises:
            Misconfigured: its changes would leave no trace, and the estate keeps an audit log.
        """
        if not dry_run:
            self.audit.demand_folder()
        await self._prepare()

        async def tell(plan: RoundPlan, number: int) -> None:
            self.say(f"round {number}: {plan_summary(plan)}")

        hands = Hands(
            observe=lambda: self.observe(book),
            decide=self.decider.plan,
            act=self.act,
            tell=tell,
            sleep=asyncio.sleep,
        )
        pace = Pace(self.estate.poll_interval_s, opening_patience_s(self.fleet), dry_run=dry_run)
        return await converge(hands, pace)

    async def act(self, plan: RoundPlan, _number: int) -> tuple[ActionResult, ...]:
        """Carry the plan out, regions side by side."""
        lanes: dict[str, list[Action]] = {}
        for action in plan.actions:
            lanes.setdefault(action.region, []).append(action)
        done = await asyncio.gather(*(asyncio.to_thread(self._lane, a) for a in lanes.values()))
        results = tuple(result for lane in done for result in lane)
        for region in {r.action.region for r in results if r.exhausted == "quota"}:
            await self.observer.refresh_headroom(region)
        return results

    async def _prepare(self) -> None:
        """Resolve the pools; a region or a pool that is not there is told, and keeps no other."""
        try:
            await self.observer.prepare()
        except Misconfigured as error:
            self.say(str(error))

    def _lane(self, actions: list[Action]) -> list[ActionResult]:
        results = []
        for action in actions:
            data = user_data(self.fleet, self.estate_file) if isinstance(action, Launch) else None
            cloud, at = self.observer.cloud(action.region), present(self.estate)
            result = perform(cloud, self.fleet, action, at=at, user_data=data)
            self.say(f"  {action_name(action)}: {result.verdict} {result.detail}")
            results.append(result)
        return results


def open_hand(estate_file: Path, fleet_name: str, *, say: Callable[[str], None]) -> FleetHand:
    """The hand over one fleet; its changes go to the audit log of `SPRINGTIDE_AUDIT_LOG`.

    Raises:
        Misconfigured: estate, fleet or credentials are wrong. Nothing was changed.
    """
    estate = load_estate(estate_file)
    fleet = estate.fleet(fleet_name)
    run = f"cli-{secrets.token_hex(4)}"
    audit = AuditLog.of(estate, run=run, who=os.environ.get("USER", "unknown"))
    access = CloudAccess.open(estate, audit)
    calendar = SchoolCalendar(school_holidays(estate, estate_file))
    decider = Decider(fleet, estate.windows_of(fleet.name), calendar, run.removeprefix("cli-"))
    observer = FleetObserver(access, fleet)
    return FleetHand(estate_file, estate, fleet, observer, decider, say, audit)
