"""What deleted servers may leave behind: ports that were not cleaned up, empty server groups."""

import asyncio

from prefect import task

from tasks.cloud import Order, cloud_access
from tasks.watch import FleetWatch


async def sweep_fleet(watch: FleetWatch) -> tuple[str, ...]:
    """Ids of what was left behind by servers that this watch saw go, after removing it."""
    gone, order = watch.lives.gone(), watch.order()
    if not gone:
        return ()
    futures = [sweep_region.submit(region.name, gone, order) for region in watch.fleet.regions]
    found = await asyncio.gather(*(asyncio.to_thread(future.result) for future in futures))
    return tuple(each for region in found for each in region)


@task(task_run_name="sweep {region}", retries=2, retry_delay_seconds=2)
def sweep_region(region: str, gone: tuple[str, ...], order: Order) -> tuple[str, ...]:
    """Ids of ports of servers known to be gone, and of empty groups, after removing them."""
    cloud, fleet = cloud_access(order.estate_file).region(region), order.estate.fleet(order.fleet)
    ports = cloud.stray_ports(fleet, gone)
    groups = cloud.stray_groups(fleet, order.at) if fleet.spread_hosts else ()
    cloud.delete_ports(ports)
    cloud.delete_groups(groups)
    return (*ports, *groups)
