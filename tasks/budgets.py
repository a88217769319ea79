"""Budgets: a share that is reached becomes an event, once; an automation tells people."""

from prefect import task
from prefect.events import emit_event
from prefect.variables import Variable

from springtide.model.cost_figures import BudgetAlert

EVENT = "springtide.budget.reached"
_TOLD = "budget_told"


@task(task_run_name="announce {alert.key}", retries=2, retry_delay_seconds=2)
def announce_alert(alert: BudgetAlert) -> bool:
    """Emit the alert's event, unless it was before; whether it was emitted.

    It is remembered after it was emitted: a run that is killed in between tells it twice.
    """
    name = f"{_TOLD}_{alert.key}"
    if Variable.get(name) is not None:
        return False
    emit_event(
        event=EVENT,
        resource={
            "prefect.resource.id": f"springtide.budget.{alert.key}",
            "prefect.resource.name": f"{alert.budget} {alert.period}",
        },
        payload={"subject": f"budget: {alert.percent} % reached", "body": str(alert)},
    )
    Variable.set(name, str(alert), overwrite=True)
    return True
