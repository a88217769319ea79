"""Servers: launched in waves by one call each, and deleted."""

from prefect import State, task

from springtide.model.plan import ActionResult, Delete, Launch
from tasks.cloud import Order, carry_out


@task(retries=0)  # a create is never repeated, whatever the worker's default is
def launch_wave(action: Launch, order: Order) -> State[ActionResult]:
    """Make one wave by one call; a lost reply is looked up by the wave's tag, never repeated."""
    return carry_out(action, order)


@task
def delete_servers(action: Delete, order: Order) -> State[ActionResult]:
    """Ask for the deletion of servers; those already gone are a success."""
    return carry_out(action, order)
