"""More datastores, as a guarded change of two signatures."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from prefect import get_run_logger

from springtide.errors import GuardRefused, ReplyLost, Retryable, SpringtideError
from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome, Proposed
from springtide.model.datastore_extension import DatastorePlan, OrderRecord, ProviderTask
from springtide.model.inventory import Inventory
from springtide.planning.datastore_extension import (
    datastore_plan,
    datastore_rows,
    delivered_names,
    order_limitation,
    unmounted,
)
from springtide.planning.datastore_fills import forecast_fills
from tasks.cloud import read_estate
from tasks.core_watch import read_fills
from tasks.guarded import EstateChange
from tasks.private_cloud import read_core
from tasks.provider import (
    await_delivery,
    forget_order,
    look_at_filers,
    look_at_provider,
    mount_datastore,
    order_datastore,
    read_orders,
    remember_answer,
    remember_order,
)

KIND = "extend-datastores"
_LOOKS = 15
"""At provider and vCenter, which may show a datastore some time after its task is done."""
_LOOK_AGAIN = (
    "look at the provider's orders and tasks before anything else: what was ordered is paid for."
    " Nothing is ordered again by itself"
)


@dataclass
class DatastoreExtension(EstateChange):
    """So many datastores more; 0: as many as the forecast wants.

    An order is never taken up again by another run: no approval stands.
    """

    asked: int

    async def propose(self) -> Proposed:
        """The plan, as the fills, the provider and the budget let it.

        Raises:
            GuardRefused: an order is under way or was never answered, or it is not offered.
            Misconfigured: the estate orders no datastores.
        """
        core = read_estate(self.estate_file).private_cloud()
        orders, records = core.ordering(), await read_orders()
        view = await asyncio.to_thread(look_at_provider.submit(self.estate_file).result)
        if (why_not := order_limitation(orders, view, records)) is not None:
            raise GuardRefused(why_not)
        inventory = await self._inventory()
        noted = [sample for day in (await read_fills()).values() for sample in day]
        forecasts = forecast_fills(inventory, noted, core.datastore_limits)
        known = (view, records)
        plan = datastore_plan(inventory, forecasts, core, known=known, asked=self.asked)
        if plan.wanted and not plan.count:
            raise GuardRefused(plan.reason)
        return Proposed(
            proposal=Proposal.of(KIND, orders.service, plan, signatures=2),
            rows=tuple(datastore_rows(plan, forecasts)),
            settled=None if plan.count else plan.reason,
        )

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Order one, wait for it, mount it, then the next; stop at the first doubt."""
        plan = DatastorePlan.model_validate(proposal.plan)
        told: list[str] = []
        done: list[ProviderTask] = []
        for number in range(1, plan.count + 1):
            try:
                done.append(await self._delivery(plan, number, proposal.digest, approval))
                told.append(f"datastore {number} ordered and delivered (task {done[-1].id})")
                told += await self._mount(plan, done, approval)
            except SpringtideError as error:
                return ChangeOutcome(done=tuple(told), trouble=str(error), what_next=_LOOK_AGAIN)
        return ChangeOutcome(done=tuple(told))

    async def _delivery(
        self, plan: DatastorePlan, number: int, digest: str, approval: Approval
    ) -> ProviderTask:
        """Order one, and wait until it is delivered; the provider's task."""
        record = OrderRecord(
            digest=digest,
            number=number,
            at=self.now(),
            month=plan.month,
            amount=plan.price_per_month / plan.count,
        )
        await remember_order(record)
        sent = order_datastore.submit(number, self.estate_file, approval)
        try:
            ordered = await asyncio.to_thread(sent.result)
        except ReplyLost:
            raise
        except SpringtideError:
            await forget_order(record)
            raise
        await remember_answer(record, ordered.id)
        delivery = await_delivery.submit(ordered, self.estate_file)
        return await asyncio.to_thread(delivery.result)

    async def _mount(
        self, plan: DatastorePlan, done: Sequence[ProviderTask], approval: Approval
    ) -> list[str]:
        """Mount what was delivered on the hosts that lack it, and look whether all have it."""
        core = read_estate(self.estate_file).private_cloud()
        inventory, delivered = await self._delivered(plan, done)
        told = []
        for datastore, host in unmounted(inventory, delivered, core):
            mounting = mount_datastore.submit(datastore, host, self.estate_file, approval)
            told.append(f"mounted {await asyncio.to_thread(mounting.result)}")
        if left := unmounted(await self._inventory(), delivered, core):
            raise GuardRefused(f"{left[0][0]} is not mounted on {left[0][1]}")
        return told

    async def _delivered(
        self, plan: DatastorePlan, done: Sequence[ProviderTask]
    ) -> tuple[Inventory, set[str]]:
        """What vCenter shows once all that was delivered is there, and the names of that.

        Whatever else is new there is somebody else's: it is neither waited for nor mounted.
        """
        pause_s = read_estate(self.estate_file).private_cloud().ordering().poll_interval_s
        for _ in range(_LOOKS - 1):
            try:
                return await self._look(plan, done)
            except (GuardRefused, Retryable) as error:
                get_run_logger().info("seen=not-all why=%s", error)
            await asyncio.sleep(pause_s)
        return await self._look(plan, done)

    async def _look(
        self, plan: DatastorePlan, done: Sequence[ProviderTask]
    ) -> tuple[Inventory, set[str]]:
        """One look for it.

        Raises:
            GuardRefused: vCenter does not show all of it.
            Retryable: provider or vCenter do not answer.
        """
        filers = await asyncio.to_thread(look_at_filers.submit(self.estate_file).result)
        names = delivered_names(plan, done, filers)
        inventory = await self._inventory()
        new = {each.name for each in inventory.datastores} - set(plan.datastores)
        if len(names & new) >= len(done):
            return inventory, names & new
        raise GuardRefused(
            f"{len(done)} are delivered, and vCenter shows {len(names & new)} of them"
            f" (delivered: {_listed(names)}; new there: {_listed(new)})"
        )

    async def _inventory(self) -> Inventory:
        return await asyncio.to_thread(read_core.submit(self.estate_file).result)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
