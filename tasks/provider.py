"""The provider: what it shows, an order, its delivery, and what is remembered of orders.

An order is remembered before it is sent, in a Prefect variable of its own, and counts for the
month's budget from then on. It is sent once, and never again by itself.
"""

import time
from pathlib import Path

from prefect import get_run_logger, task
from prefect.variables import Variable

from springtide.clouds.ovhcloud.datastores import ProviderDatastores, delivered
from springtide.errors import DeadlinePassed, GuardRefused, Retryable
from springtide.model.approval import Approval
from springtide.model.datastore_extension import Filer, OrderRecord, ProviderTask, ProviderView
from tasks.cloud import open_audit, read_estate
from tasks.prefect_api import own_server
from tasks.private_cloud import open_vcenter
from tasks.retrying import may_pass

_RECORDS = "datastore_order_"


def open_provider(estate_file: Path, approval: Approval | None = None) -> ProviderDatastores:
    """The provider's side of the estate's private cloud.

    Raises:
        Misconfigured: the estate orders no datastores, or a credential is not there.
    """
    estate = read_estate(estate_file)
    core = estate.private_cloud()
    by = tuple(signer.name for signer in approval.signers) if approval else ()
    audit = open_audit(estate, by)
    return ProviderDatastores.open(core.ordering(), audit, timeout_s=core.call_timeout_s)


async def read_orders() -> tuple[OrderRecord, ...]:
    """Every order that is remembered."""
    async with own_server() as server:
        found = await server.entries(_RECORDS)
    return tuple(OrderRecord.model_validate(each) for each in found.values())


async def remember_order(record: OrderRecord) -> None:
    """Remember an order that is about to be sent.

    Raises:
        GuardRefused: this very order was begun before: it may have been sent.
    """
    try:
        await Variable.aset(_name(record), record.model_dump(mode="json"))
    except ValueError as error:
        raise GuardRefused(
            f"order {record.number} of this plan was begun before: look at the provider's orders"
        ) from error


async def remember_answer(record: OrderRecord, task_id: int) -> None:
    """Remember the provider's task of an order that was sent."""
    value = record.model_copy(update={"task": task_id}).model_dump(mode="json")
    await Variable.aset(_name(record), value, overwrite=True)


async def forget_order(record: OrderRecord) -> None:
    """Forget an order that was plainly refused: nothing was bought."""
    await Variable.aunset(_name(record))


def _name(record: OrderRecord) -> str:
    month = record.month.replace("-", "_")
    return f"{_RECORDS}{month}_{record.digest[:16]}_{record.number}"


@task(
    task_run_name="look at the provider",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=may_pass,
)
def look_at_provider(estate_file: Path) -> ProviderView:
    """What it has, what is under way, and what can be ordered."""
    return open_provider(estate_file).look()


# No retries, whatever happens: sent twice, it is bought twice.
@task(task_run_name="order datastore {number}", retries=0)
def order_datastore(number: int, estate_file: Path, approval: Approval) -> ProviderTask:
    """Order one datastore, once.

    Raises:
        GuardRefused: another order is under way.
        ReplyLost: it may have been ordered, or not.
    """
    provider = open_provider(estate_file, approval)
    if under_way := provider.look().under_way:
        raise GuardRefused(
            f"the provider's task {under_way[0].id} is under way: nothing is ordered"
        )
    ordered = provider.order(why=f"order {number} approved by {approval.approved_by}")
    get_run_logger().warning("ordered=datastore number=%d task=%d", number, ordered.id)
    return ordered


# No retries: it is paid for by now, so whatever may pass is borne until the deadline.
@task(task_run_name="wait for the delivery of task {ordered.id}")
def await_delivery(ordered: ProviderTask, estate_file: Path) -> ProviderTask:
    """The provider's task, once it is done; a look that comes to nothing is made again.

    Raises:
        DeadlinePassed: it is under way still.
        SpringtideError: it has ended otherwise.
    """
    provider = open_provider(estate_file)
    orders = read_estate(estate_file).private_cloud().ordering()
    until = time.monotonic() + orders.delivery_timeout_s
    while time.monotonic() < until:
        try:
            now = provider.task(ordered.id)
        except Retryable as error:
            get_run_logger().warning("seen=nothing task=%d why=%s", ordered.id, error)
        else:
            if delivered(now):
                return now
        time.sleep(orders.poll_interval_s)
    raise DeadlinePassed(
        f"the provider's task {ordered.id} is not done after {orders.delivery_timeout_s:g} s"
    )


# No retries: whoever looks for a delivery looks again.
@task(task_run_name="look for what was delivered")
def look_at_filers(estate_file: Path) -> tuple[Filer, ...]:
    """The datastores that the provider has."""
    return open_provider(estate_file).filers()


@task(
    task_run_name="mount {datastore} on {host}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
def mount_datastore(datastore: str, host: str, estate_file: Path, approval: Approval) -> str:
    """Have the host mount it, as others have; mounted already is success."""
    with open_vcenter(estate_file, approval) as vcenter:
        vcenter.mount_datastore(datastore, host, why=f"approved by {approval.approved_by}")
    return f"{datastore} on {host}"
