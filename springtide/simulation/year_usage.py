"""What a rehearsed year used, as clouds would tell it, and what would have done in hindsight."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

from springtide.model.fleet import Fleet
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.simulation.school_year import SchoolYear, Step
from springtide.simulation.standing import StoodServer

_HOUR = timedelta(hours=1)


def year_usage(year: SchoolYear, fleet: Fleet) -> tuple[UsageRecord, ...]:
    """Each server's life, and the connections and failed requests of each hour."""
    servers = (_server(server, fleet) for server in year.servers)
    return (*servers, *_connections(year.steps, fleet))


def hindsight_usage(year: SchoolYear, fleet: Fleet) -> tuple[UsageRecord, ...]:
    """The least that could have been paid: in each hour just the servers that its peak needs.

    Nobody can do it: it knows each hour's sessions beforehand, and servers that take no time.
    """
    return tuple(
        UsageRecord(
            resource=f"hindsight-{hour:%Y%m%dt%H}",
            kind=UsageKind.INSTANCE,
            sku=fleet.flavour,
            region=fleet.regions[0].name,
            fleet=fleet.name,
            source=UsageSource.ESTATE,
            start=hour,
            end=hour + _HOUR,
            amount=needed,
        )
        for hour, steps in _by_hour(year.steps)
        if (needed := max(step.needed for step in steps))
    )


def _server(server: StoodServer, fleet: Fleet) -> UsageRecord:
    if server.gone_at is None:
        raise ValueError(f"{server.id} still stands: its year has not ended")
    return UsageRecord(
        resource=server.id,
        name=server.id,
        kind=UsageKind.INSTANCE,
        sku=fleet.flavour,
        region=server.region,
        fleet=fleet.name,
        source=UsageSource.NOVA,
        start=server.active_at,
        end=max(server.active_at, server.gone_at),
    )


def _connections(steps: Iterable[Step], fleet: Fleet) -> Iterable[UsageRecord]:
    for hour, of_hour in _by_hour(steps):
        counts = {
            UsageKind.CONNECTIONS: sum(step.arrived for step in of_hour),
            UsageKind.REQUEST_ERRORS: sum(step.lost for step in of_hour),
        }
        for kind, count in counts.items():
            yield UsageRecord(
                resource=f"{fleet.name} {kind}",
                kind=kind,
                sku=kind.value,
                region=fleet.regions[0].name,
                fleet=fleet.name,
                source=UsageSource.OCTAVIA,
                start=hour,
                end=hour + _HOUR,
                amount=count,
            )


def _by_hour(steps: Iterable[Step]) -> Iterable[tuple[datetime, list[Step]]]:
    hours = groupby(steps, key=lambda s: s.at.replace(minute=0, second=0, microsecond=0))
    return ((hour, list(of_hour)) for hour, of_hour in hours)
