"""What is remembered of the private cloud, beyond one page of Prefect's variables."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from prefect.variables import Variable

from springtide.model.datastore_extension import OrderRecord
from tasks.core_watch import read_fills
from tasks.prefect_api import own_server
from tasks.provider import read_orders, remember_order

FILLS = "datastore_fills_"
MANY = 201
"""One more than Prefect tells at once."""


async def _in_turn(acts: Iterable[Coroutine[Any, Any, object]]) -> None:
    for each in acts:
        await each


async def _forget() -> None:
    async with own_server() as server:
        names = [*await server.entries("datastore_order_"), *await server.entries(FILLS)]
    await _in_turn(Variable.aunset(name) for name in names)


@pytest.fixture(autouse=True)
def _nothing_stays(prefect_server: None) -> Iterator[None]:  # noqa: ARG001 - must run
    yield
    asyncio.run(_forget())


def test_every_order_is_remembered() -> None:
    """Each of them was paid for, however many there are."""
    at = datetime(2026, 11, 5, 9, tzinfo=UTC)
    orders = [
        OrderRecord(digest="0" * 64, number=n, at=at, month="2026-11", amount=Decimal(200))
        for n in range(1, MANY + 1)
    ]
    asyncio.run(_in_turn(remember_order(each) for each in orders))
    assert orders == sorted(asyncio.run(read_orders()), key=lambda order: order.number)


def test_every_day_of_fills_is_remembered() -> None:
    """A day that is left out would neither count nor ever be forgotten."""
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(MANY)]
    fills = {"ssd-1": [3000, 1500]}
    asyncio.run(_in_turn(Variable.aset(f"{FILLS}{day:%Y_%m_%d}", fills) for day in days))
    assert days == sorted(asyncio.run(read_fills()))
