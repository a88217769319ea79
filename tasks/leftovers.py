"""What is left behind: by servers that this run saw go, and by whatever nobody knows any more."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from prefect import get_run_logger, task

from springtide.errors import SpringtideError
from springtide.model.base import Moment
from springtide.model.leftover import (
    LeftoverKind,
    MarkedThing,
    RegionInventory,
    SweepFinding,
    SweepPlan,
    SweepResult,
    SweepVerdict,
)
from springtide.model.outcome import Outcome
from springtide.planning.leftover_sweep import residue_of, sighting_note
from tasks.claims import clear_entry, read_claims, remember_note
from tasks.cloud import EstateOrder, Order, cloud_access, present_of, read_estate
from tasks.outage import best_effort
from tasks.watch import FleetWatch


class SweepOrder(EstateOrder):
    """Whose estate is swept, and as of when."""

    at: Moment


def sweep_order(estate_file: Path) -> SweepOrder:
    """An order for the whole estate, as of now.

    Raises:
        Misconfigured: the estate is wrong.
    """
    return SweepOrder(estate_file=estate_file, at=present_of(read_estate(estate_file)))


async def sweep_fleet(watch: FleetWatch) -> tuple[str, ...]:
    """Ids of what was left behind by servers that this watch saw go, after removing it.

    Where a region's sweep fails its task says why, and whatever is left is found as residue.
    """
    gone, order = watch.lives.gone(), watch.order()
    if not gone:
        return ()
    futures = [sweep_region.submit(region.name, gone, order) for region in watch.fleet.regions]
    swept = (asyncio.to_thread(future.result) for future in futures)
    found = await asyncio.gather(*swept, return_exceptions=True)
    for error in (each for each in found if isinstance(each, BaseException)):
        if not isinstance(error, SpringtideError):
            raise error
        get_run_logger().warning("sweep=put-off why=%s", error)
    return tuple(i for region in found if not isinstance(region, BaseException) for i in region)


async def find_residue(watch: FleetWatch, outcome: Outcome) -> tuple[str, ...]:
    """What the fleet leaves behind after its closing, each in words; empty: nothing."""
    gone, desired = frozenset(watch.lives.gone()), outcome.last.desired.servers
    regions = tuple(region.name for region in watch.fleet.regions)
    order = SweepOrder(estate_file=watch.estate_file, at=watch.now())
    found = await _inventories(regions, order, gone)
    return residue_of(found, watch.fleet.name, gone, desired=desired)


async def look_for_leftovers(order: SweepOrder) -> tuple[RegionInventory, ...]:
    """All that is ours, in every region of the residency in which servers can stand.

    Raises:
        Retryable: Keystone does not answer.
    """
    access = cloud_access(order.estate_file)
    regions = await asyncio.to_thread(access.elastic_regions)
    return await _inventories(regions, order, frozenset())


async def carry_out_sweep(plan: SweepPlan, order: SweepOrder) -> tuple[SweepResult, ...]:
    """What became of every removal and mark; ports of standing servers are marked beside."""
    removals = _by_region(plan.of(SweepVerdict.REMOVE))
    marks = _by_region(plan.of(SweepVerdict.MARK))
    futures = [remove_leftovers.submit(*each, order) for each in removals.items()]
    futures += [mark_leftovers.submit(*each, order) for each in marks.items()]
    for region in sorted({port.region for port in plan.ports}):
        ports = tuple(port for port in plan.ports if port.region == region)
        futures.append(mark_ports.submit(region, ports, order))
    for finding in plan.of(SweepVerdict.MARK):
        if (note := sighting_note(finding.thing, plan.at)) is not None:
            await remember_note(note)
    done = await asyncio.gather(*(asyncio.to_thread(future.result) for future in futures))
    return tuple(result for region in done for result in region)


async def forget_strangers(order: SweepOrder) -> None:
    """Clear what is over and was said of fleets that the estate has not: no other run does."""
    _, over = await read_claims(order.at)
    known = {fleet.name for fleet in order.estate.fleets}
    for name in (name for name, fleet in over.items() if fleet not in known):
        with best_effort("clearing"):
            await clear_entry(name)


@task(task_run_name="sweep {region}", retries=2, retry_delay_seconds=2)
def sweep_region(region: str, gone: tuple[str, ...], order: Order) -> tuple[str, ...]:
    """Ids of ports of servers known to be gone, and of empty groups, after removing them."""
    cloud, fleet = cloud_access(order.estate_file).region(region), order.estate.fleet(order.fleet)
    ports = cloud.stray_ports(fleet, gone)
    groups = cloud.stray_groups(fleet, order.at) if fleet.spread_hosts else ()
    cloud.delete_ports(ports)
    cloud.delete_groups(groups)
    return (*ports, *groups)


@task(task_run_name="list what is ours in {region}")
def list_ours(region: str, order: SweepOrder, gone: frozenset[str]) -> RegionInventory:
    """All that carries our mark; what cannot be read is told and not raised."""
    try:
        store = cloud_access(order.estate_file).region(region).leftovers
    except SpringtideError as error:
        return RegionInventory(region=region, trouble=str(error))
    return store.inventory(order.at, gone)


@task(task_run_name="remove leftovers of {region}")
def remove_leftovers(
    region: str, findings: tuple[SweepFinding, ...], order: SweepOrder
) -> tuple[SweepResult, ...]:
    """What became of each; one that is gone already is a success, one that fails stops no other."""
    store = cloud_access(order.estate_file).region(region).leftovers
    return tuple(_tried(f.thing, partial(store.remove, f.thing, f.reason)) for f in findings)


@task(task_run_name="mark leftovers of {region}")
def mark_leftovers(
    region: str, findings: tuple[SweepFinding, ...], order: SweepOrder
) -> tuple[SweepResult, ...]:
    """Write on each that it was seen first; server groups carry no tags and have a note."""
    store = cloud_access(order.estate_file).region(region).leftovers
    things = [f.thing for f in findings if f.thing.kind is not LeftoverKind.GROUP]
    return tuple(_tried(thing, partial(store.mark, thing, order.at)) for thing in things)


@task(task_run_name="mark ports of {region}")
def mark_ports(
    region: str, ports: tuple[MarkedThing, ...], order: SweepOrder
) -> tuple[SweepResult, ...]:
    """Write the fleet on ports of its standing servers: they are known when these are gone."""
    store = cloud_access(order.estate_file).region(region).leftovers
    return tuple(_tried(port, partial(store.mark_port, port)) for port in ports)


async def _inventories(
    regions: tuple[str, ...], order: SweepOrder, gone: frozenset[str]
) -> tuple[RegionInventory, ...]:
    futures = [list_ours.submit(name, order, gone) for name in regions]
    return tuple(await asyncio.gather(*(asyncio.to_thread(f.result) for f in futures)))


def _by_region(findings: tuple[SweepFinding, ...]) -> dict[str, tuple[SweepFinding, ...]]:
    found: dict[str, tuple[SweepFinding, ...]] = defaultdict(tuple)
    for finding in findings:
        found[finding.thing.region] += (finding,)
    return found


def _tried(thing: MarkedThing, act: Callable[[], None]) -> SweepResult:
    try:
        act()
    except SpringtideError as error:
        get_run_logger().warning("leftover=refused what=%s why=%s", thing.where, error)
        return SweepResult(thing=thing, refused=str(error))
    return SweepResult(thing=thing)
