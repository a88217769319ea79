"""Servers: launched in waves by one call each, checked, rebooted, held, and deleted."""

import asyncio

from prefect import State, task

from springtide.model.base import Moment
from springtide.model.plan import ActionResult, Delete, Launch, Mark, Reboot
from springtide.model.server import Server
from tasks.cloud import Order, carry_out, cloud_access


@task(retries=0)  # a create is never repeated, whatever the worker's default is
def launch_wave(action: Launch, order: Order) -> State[ActionResult]:
    """Make one wave by one call; a lost reply is looked up by the wave's tag, never repeated."""
    return carry_out(action, order)


@task
def delete_servers(action: Delete, order: Order) -> State[ActionResult]:
    """Ask for the deletion of servers; those already gone are a success."""
    return carry_out(action, order)


@task
def mark_servers(action: Mark, order: Order) -> State[ActionResult]:
    """Write on servers how many of their checks have failed in a row."""
    return carry_out(action, order)


@task(retries=0)  # a server is rebooted once, whatever the worker's default is
def reboot_servers(action: Reboot, order: Order) -> State[ActionResult]:
    """Reboot servers, written on them before: never twice."""
    return carry_out(action, order)


@task(task_run_name="hold {server.name}", retries=2, retry_delay_seconds=1)
async def put_hold(server: Server, until: Moment, who: str, order: Order) -> str:
    """Hold the server until then, instead of any hold before; returns its id."""
    cloud = cloud_access(order.estate_file).region(server.region)
    await asyncio.to_thread(cloud.hold_server, server.id, until=until, who=who)
    return server.id


@task(task_run_name="release {server.name}", retries=2, retry_delay_seconds=1)
async def end_hold(server: Server, who: str, order: Order) -> str:
    """End every hold of the server; returns its id."""
    cloud = cloud_access(order.estate_file).region(server.region)
    await asyncio.to_thread(cloud.release_server, server.id, who=who)
    return server.id
