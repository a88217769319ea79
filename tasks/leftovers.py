"""What deleted servers may leave behind: ports that the network did not clean up."""

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
    return tuple(port for ports in found for port in ports)


@task(task_run_name="sweep {region}", retries=2, retry_delay_seconds=2)
def sweep_region(region: str, gone: tuple[str, ...], order: Order) -> tuple[str, ...]:
    """Ports of servers that are known to be gone: their ids, after removing them."""
    cloud = cloud_access(order.estate_file).region(region)
    ports = cloud.stray_ports(order.estate.fleet(order.fleet), gone)
    if ports:
        cloud.delete_ports(ports)
    return ports
