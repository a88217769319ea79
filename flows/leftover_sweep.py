"""The sweep: what carries our tag and is known to no plan is told, and gone the next time.

Nothing else is ever touched, and no sweep rests on another: each looks anew, and the first sighting
is remembered on the thing itself.
"""

from prefect import State, flow, get_run_logger
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.leftover import SweepPlan
from springtide.planning.leftover_sweep import (
    SweepInput,
    agreed,
    plan_leftover_sweep,
    sweep_rows,
    sweep_summary,
    sweep_troubles,
)
from tasks.claims import read_claims
from tasks.leftovers import (
    SweepOrder,
    carry_out_sweep,
    forget_strangers,
    look_for_leftovers,
    sweep_order,
)
from tasks.outage import best_effort
from tasks.screens import show_table


@flow(name="sweep-leftovers", flow_run_name="sweep leftovers")
async def sweep_leftovers(*, dry_run: bool = True) -> State[SweepPlan]:
    """Remove servers, ports, members and server groups of ours that nobody knows any more.

    Args:
        dry_run: Show what would be removed, and change nothing; also nothing is remembered.
    """
    plan = await _decide(sweep_order(estate_path()))
    with best_effort("plan"):
        await show_table("leftovers", sweep_rows(plan), sweep_summary(plan))
    if dry_run:
        return Completed(message=f"dry run: {sweep_summary(plan)}", data=plan)
    order = sweep_order(estate_path())
    plan = agreed(plan, await _decide(order))
    results = await carry_out_sweep(plan, order)
    await forget_strangers(order)
    get_run_logger().info("sweep %s", sweep_summary(plan))
    with best_effort("outcome"):
        await show_table("leftovers", sweep_rows(plan), sweep_summary(plan))
    if (troubles := sweep_troubles(plan, results)) is not None:
        return Failed(message=troubles, data=plan)
    return Completed(message=sweep_summary(plan), data=plan)


async def _decide(order: SweepOrder) -> SweepPlan:
    """The plan of one look at the cloud and at what is stored."""
    inventories = await look_for_leftovers(order)
    book, _ = await read_claims(order.at)
    given = SweepInput(estate=order.estate, book=book, now=order.at)
    return plan_leftover_sweep(inventories, given)
