"""Readiness: what each region and the credentials say, and the table that people see."""

import asyncio

from prefect import task

from springtide.errors import SpringtideError
from springtide.model.readiness import Check, CloudReport, CredentialReport, RegionReport, Trouble
from tasks.cloud import Order, cloud_access


async def inspect_cloud(order: Order) -> CloudReport:
    """What the cloud says of all that the fleet needs; regions in parallel, none is waited for."""
    # First, and alone: it opens the access that all regions share.
    credential = await asyncio.to_thread(inspect_credential.submit(order).result)
    if credential.refused is not None:
        return CloudReport(at=order.at, credential=credential)
    names = [region.name for region in order.estate.fleet(order.fleet).regions]
    futures = [inspect_region.submit(name, order) for name in names]
    reports = await asyncio.gather(*(asyncio.to_thread(future.result) for future in futures))
    return CloudReport(at=order.at, credential=credential, regions=tuple(reports))


@task(task_run_name="inspect credentials")
def inspect_credential(order: Order) -> CredentialReport:
    """Whether the credentials work, and until when; what refuses them is told, not raised."""
    try:
        return cloud_access(order.estate_file).inspect_credential()
    except SpringtideError as error:
        return CredentialReport(refused=str(error))


@task(task_run_name="inspect {region}")
def inspect_region(region: str, order: Order) -> RegionReport:
    """All that readiness looks at in one region; what cannot be read is told, not raised."""
    try:
        cloud = cloud_access(order.estate_file).region(region)
    except SpringtideError as error:
        trouble = Trouble(check=Check.ANSWER, detail=str(error))
        return RegionReport(region=region, troubles=(trouble,))
    return cloud.inspect(order.estate.fleet(order.fleet))
