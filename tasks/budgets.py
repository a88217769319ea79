"""Budgets: a share that is reached becomes an event, once; an automation tells people."""

import asyncio

from prefect import task
from prefect.events import Event
from prefect.events.clients import get_events_client
from prefect.variables import Variable

from springtide.model.cost_figures import BudgetAlert

EVENT = "springtide.budget.reached"
_TOLD = "budget_told"


@task(task_run_name="announce {alert.key}", retries=2, retry_delay_seconds=2)
def announce_alert(alert: BudgetAlert) -> bool:
    """Send the alert's event, unless it was before; whether it was sent.

    It is remembered once the server has it: a run that is killed in between tells it twice, and one
    that cannot send it fails, so that the next one tells it.
    """
    name = f"{_TOLD}_{alert.key}"
    if Variable.get(name) is not None:
        return False
    asyncio.run(_send(alert))
    Variable.set(name, str(alert), overwrite=True)
    return True


async def _send(alert: BudgetAlert) -> None:
    event = Event(
        event=EVENT,
        resource={
            "prefect.resource.id": f"springtide.budget.{alert.key}",
            "prefect.resource.name": f"{alert.budget} {alert.period}",
        },
        payload={"subject": f"budget: {alert.percent} % reached", "body": str(alert)},
    )
    # `emit_event` hands it to a thread and never fails; this one waits for the server's answer.
    async with get_events_client(checkpoint_every=1) as client:
        await client.emit(event)
