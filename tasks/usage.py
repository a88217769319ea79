"""What was used, collected from one source each, and kept in the ledger."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from prefect import get_run_logger, task
from prefect.variables import Variable
from pydantic import model_validator

from springtide.clouds.vcenter.access import VCenter
from springtide.errors import Misconfigured
from springtide.ledger.looks import kept_amounts
from springtide.ledger.sums import last_counts
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.fleet import Fleet
from springtide.model.traffic import BALANCERS, TrafficNote
from springtide.model.usage import (
    CounterReading,
    UsageKind,
    UsageRecord,
    UsageSource,
    UtcMoment,
    hour_of,
)
from springtide.planning.claim_book import PREFIX
from springtide.planning.cost_service import shortage_usage
from springtide.pricing.counters import counted_usage
from springtide.pricing.standing_usage import (
    STANDING,
    container_usage,
    core_usage,
    since_first_seen,
)
from springtide.pricing.usage_hours import cut_into_hours
from springtide.stores.vaults import open_store
from tasks.cloud import EstateOrder, cloud_access, open_audit

CORE_REGION = "core"
"""Where the private cloud's hosts and datastores stand, for the price book."""


class UsageOrder(EstateOrder):
    """What is collected: of which estate, from a full hour until a moment that has passed."""

    begins_at: UtcMoment
    ends_at: UtcMoment

    @model_validator(mode="after")
    def _hours(self) -> Self:
        if self.begins_at != hour_of(self.begins_at):
            raise ValueError(f"begins_at {self.begins_at} must be a full hour")
        if self.ends_at <= self.begins_at:
            raise ValueError(f"ends_at {self.ends_at} must be after begins_at {self.begins_at}")
        return self

    @property
    def last_moment(self) -> UtcMoment:
        """The last that belongs to it: what is read on the full hour is of the hour before."""
        return self.ends_at - timedelta.resolution

    def fleets_in(self, region: str) -> tuple[Fleet, ...]:
        """The fleets that may stand there."""
        return tuple(
            fleet for fleet in self.estate.fleets if region in {each.name for each in fleet.regions}
        )


@task(task_run_name="collect usage in {region}", retries=2, retry_delay_seconds=5)
def collect_region(order: UsageOrder, region: str) -> tuple[UsageRecord, ...]:
    """Servers, those that are gone included, load balancers and volumes, and that it was looked at.

    Volumes that the credential may not list are left out: the report says so.
    """
    cloud, fleets = cloud_access(order.estate_file).region(region), order.fleets_in(region)
    names = [fleet.name for fleet in order.estate.fleets]
    servers = cloud.servers_usage(order.begins_at, order.ends_at, fleets=names)
    balancers = cloud.balancers_usage(order.ends_at, fleets)
    try:
        volumes = cloud.volumes_usage(order.ends_at)
    except Misconfigured as error:
        get_run_logger().warning("volumes=unread region=%s why=%s", region, error)
        volumes = ()
    return (*servers, *balancers, *volumes, _look(order, region))


@task(task_run_name="read counters in {region}", retries=2, retry_delay_seconds=5)
def read_counters(order: UsageOrder, region: str) -> tuple[CounterReading, ...]:
    """How far the counters of the fleets' balancers in one region have come."""
    cloud = cloud_access(order.estate_file).region(region)
    counters = (cloud.balancer_counters(f, order.last_moment) for f in order.fleets_in(region))
    return tuple(reading for of_fleet in counters for reading in of_fleet)


@task(task_run_name="measure shortage", retries=2, retry_delay_seconds=5)
def measure_shortage(order: UsageOrder, servers: Sequence[UsageRecord]) -> tuple[UsageRecord, ...]:
    """For how long more sessions were open than `servers` carry, by what the traffic's watch saw.

    The watch remembers an hour or so: what nobody collected until then was not measured.
    """
    return tuple(
        record
        for fleet in order.estate.fleets
        if (note := _traffic_note(fleet)) is not None
        for record in shortage_usage(
            fleet,
            note.series.get(BALANCERS, ()),
            servers,
            begins_at=order.begins_at,
            ends_at=order.ends_at,
        )
    )


@task(task_run_name="collect usage of object storage", retries=2, retry_delay_seconds=5)
def collect_containers(order: UsageOrder) -> tuple[UsageRecord, ...]:
    """The bytes of each container that a vault of the estate is in."""
    records = {}
    for vault in order.estate.vaults:
        place = (vault.place.region, vault.place.container)
        if place not in records:
            with open_store(order.estate, vault) as store:
                held = store.stored_bytes()
            records[place] = container_usage(
                *place, stored_bytes=held, since=order.begins_at, until=order.ends_at
            )
    return tuple(records.values())


@task(task_run_name="collect usage of the core", retries=2, retry_delay_seconds=5)
def collect_core(order: UsageOrder) -> tuple[UsageRecord, ...]:
    """Hosts and datastores of the private cloud; nothing where the estate names none."""
    if order.estate.core is None:
        return ()
    with VCenter.open(order.estate.core, open_audit(order.estate)) as vcenter:
        inventory = vcenter.read()
    return core_usage(inventory, CORE_REGION, since=order.begins_at, until=order.ends_at)


@task(task_run_name="keep usage until {order.ends_at:%Y-%m-%d %H:%M}")
def keep_usage(
    order: UsageOrder,
    folder: Path,
    records: Sequence[UsageRecord],
    readings: Sequence[CounterReading] = (),
) -> int:
    """Merge what was collected into the ledger in that folder; how many months' files changed.

    Keeping the same again changes nothing. What nobody had seen yet is kept from this look on.
    """
    ledger, seen_in = UsageLedger(folder), hour_of(order.last_moment)
    counted = counted_usage(readings, last_counts(ledger, seen_in))
    until = seen_in + timedelta(hours=1)
    hours = cut_into_hours([*records, *counted], order.begins_at, until)
    kept = kept_amounts(ledger, STANDING, order.begins_at, until)
    return ledger.merge(since_first_seen(hours, kept, seen_in=seen_in))


def _look(order: UsageOrder, region: str) -> UsageRecord:
    """That the region told what was used in the order's time."""
    return UsageRecord(
        resource=f"look at {region}",
        kind=UsageKind.LOOK,
        sku="look",
        region=region,
        source=UsageSource.NOVA,
        start=order.begins_at,
        end=order.ends_at,
    )


def _traffic_note(fleet: Fleet) -> TrafficNote | None:
    """What the fleet's watch remembers; None where nobody watches."""
    stored = Variable.get(f"{PREFIX}traffic_{fleet.name}") if fleet.traffic else None
    return None if stored is None else TrafficNote.model_validate(stored)
