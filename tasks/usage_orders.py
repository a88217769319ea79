"""What a collection of usage is of, and what came of its sources: a failed one stops no other."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from prefect import State

from springtide.clouds.clock import present
from springtide.errors import Misconfigured
from springtide.model.usage import hour_of
from tasks.cloud import cloud_access, read_estate
from tasks.usage import UsageOrder

_MOST_HOURS = 24 * 31
Item = TypeVar("Item")


def usage_order(estate_file: Path, hours: int) -> UsageOrder:
    """The last so many whole hours, and the one that is under way.

    Raises:
        Misconfigured: the hours are out of bounds, or the estate reports no cost.
    """
    if not 1 <= hours <= _MOST_HOURS:
        raise Misconfigured(f"given {hours}", field="hours", allowed=f"1 to {_MOST_HOURS}")
    now = present(read_estate(estate_file))
    begins_at = hour_of(now) - timedelta(hours=hours)
    return UsageOrder(estate_file=estate_file, begins_at=begins_at, ends_at=now)


def usage_folder(order: UsageOrder) -> Path:
    """Where the ledger is.

    Raises:
        Misconfigured: the estate reports no cost.
    """
    return Path(order.estate.cost_reporting().usage_folder)


def elastic_regions(order: UsageOrder) -> tuple[str, ...]:
    """The regions in which the estate's fleets may stand."""
    return tuple(cloud_access(order.estate_file).elastic_regions())


def collected(states: Iterable[State[tuple[Item, ...]]]) -> tuple[list[Item], list[str]]:
    """What the sources said, and why some of them said nothing."""
    items: list[Item] = []
    troubles = []
    for state in states:
        if state.is_completed():
            items += state.result()
        else:
            troubles.append(state.message or state.name or "a source failed")
    return items, troubles
