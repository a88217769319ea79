"""What is remembered of the private cloud, beyond one page of Prefect's variables."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.actions import VariableCreate
from prefect.context import AsyncClientContext
from prefect.variables import Variable

from springtide.model.core_watch import CoreCheck, CoreFinding, FillSample
from springtide.model.datastore_extension import OrderRecord
from springtide.model.readiness import Readiness
from springtide.planning.core_watch import MOST_REDS, core_alarm, telling_after
from springtide.planning.datastore_fills import MOST_DATASTORES
from tasks.core_watch import note_fills, read_fills, recall, remember_telling
from tasks.prefect_api import own_server
from tasks.provider import read_orders, remember_order

FILLS = "datastore_fills_"
MANY = 201
"""One more than Prefect tells at once."""


async def _in_turn(acts: Iterable[Coroutine[Any, Any, object]]) -> None:
    # Each would make a client of its own, which takes longer than what it is made for.
    async with AsyncClientContext.get_or_create():
        for each in acts:
            await each


async def _forget() -> None:
    async with own_server() as server:
        names = [*await server.entries("datastore_order_"), *await server.entries(FILLS)]
    names.append("core_watch_told")
    await _in_turn(Variable.aunset(name) for name in names)


async def _put_fills(days: Iterable[date], fills: dict[str, list[int]]) -> None:
    async with get_client() as client:
        for day in days:
            await client.create_variable(VariableCreate(name=f"{FILLS}{day:%Y_%m_%d}", value=fills))


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
    asyncio.run(_put_fills(days, fills))
    assert days == sorted(asyncio.run(read_fills()))


NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


@pytest.mark.parametrize("many", [300, MOST_REDS + 1])
def test_what_was_told_is_remembered_however_much_is_red(many: int) -> None:
    """An outage of all storage, with names as long as vCenter takes them: told once."""
    found = tuple(
        CoreFinding(
            check=CoreCheck.DATASTORE,
            subject=f"{n:04}".ljust(80, "é"),
            verdict=Readiness.RED,
            detail="it is not accessible",
        )
        for n in range(many)
    )
    telling = telling_after(found, None, alarm=core_alarm(found, None, NOW), now=NOW)
    asyncio.run(remember_telling.fn(telling))
    told = asyncio.run(recall()).told
    later = NOW + timedelta(minutes=5)
    assert core_alarm(found, told, later) is None
    assert told == telling_after(found, told, alarm=None, now=later)
    fewer = telling_after(found[:-2], told, alarm=None, now=later)
    assert core_alarm(found, fewer, later + timedelta(minutes=5)) is not None


@pytest.mark.parametrize("letter", ["n", "é"])
def test_the_fullest_are_noted_however_long_their_names(letter: str) -> None:
    """A note that is too long would be none at all."""
    samples = tuple(
        FillSample(
            day=NOW.date(),
            datastore=f"{n:03}".ljust(80, letter),
            capacity_mib=3_000_000,
            used_mib=2_999_000 - n,
        )
        for n in range(MOST_DATASTORES)
    )
    asyncio.run(note_fills.fn(samples, ()))
    noted = asyncio.run(read_fills())[NOW.date()]
    assert 20 < len(noted) < MOST_DATASTORES
    assert samples[: len(noted)] == noted
