"""Readiness: whether the evening could open, and a full surge stand, if they were wanted now.

It changes nothing. It runs some hours before each window, while there is time to act on it, and
daily for the surge, which comes unannounced.
"""

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.readiness import Finding
from springtide.planning.readiness import (
    judge_readiness,
    readiness_alarm,
    readiness_rows,
    readiness_summary,
)
from tasks.cloud import order_for
from tasks.outage import best_effort
from tasks.readiness import inspect_cloud
from tasks.screens import show_table


@flow(name="check-readiness", flow_run_name="check readiness of {fleet}")
async def check_readiness(fleet: str = "api") -> State[tuple[Finding, ...]]:
    """Check all that the fleet's windows and a full surge need; Failed where anything is red.

    Args:
        fleet: Name of the fleet in the estate file.
    """
    order = order_for(estate_path(), fleet)
    report = await inspect_cloud(order)
    findings = judge_readiness(report, order.estate.fleet(fleet))
    summary = readiness_summary(findings)
    with best_effort("readiness"):
        await show_table(f"readiness-{fleet}", readiness_rows(findings), summary)
    if (red := readiness_alarm(findings)) is not None:
        return Failed(message=red, data=findings)
    return Completed(message=summary, data=findings)
