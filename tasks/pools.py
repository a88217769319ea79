"""Balancer pools: members join, are drained, and leave; one writer for each pool."""

from prefect import State, task

from springtide.model.plan import ActionResult, Drain, Join, Leave
from tasks.cloud import Order, carry_out


@task
def join_pool(action: Join, order: Order) -> State[ActionResult]:
    """Give members their weight by one additive call; other people's members are not in it."""
    return carry_out(action, order)


@task
def drain_members(action: Drain, order: Order) -> State[ActionResult]:
    """Set members to weight 0 and write on them since when; running requests go on."""
    return carry_out(action, order)


@task
def leave_pool(action: Leave, order: Order) -> State[ActionResult]:
    """Take members out of the pool; those already out are a success."""
    return carry_out(action, order)
