"""How many calls a run has made to the cloud, for those who count them."""

from datetime import timedelta

from prefect.runtime import flow_run

from springtide.model.api_calls import CallsNote
from tasks.cloud import Order, cloud_access

_COUNTED_WITHIN = timedelta(minutes=30)
"""Whoever counts looks more often."""


def calls_notes(order: Order) -> tuple[CallsNote, ...]:
    """What this process has called since it was last asked; nothing where it called nothing."""
    counts = cloud_access(order.estate_file).calls.taken()
    if not counts:
        return ()
    run = str(flow_run.id or "none")[:8]
    note = CallsNote(
        key=f"calls-{order.fleet}-{run}-{order.at:%H%M%S}",
        fleet=order.fleet,
        at=order.at,
        counts=counts,
        until=order.at + _COUNTED_WITHIN,
    )
    return (note,)
