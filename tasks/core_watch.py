"""Watching the private cloud: the history of fills, what people were told, and what they see.

The fills of each day are a small variable of their own, and what people were told last is one more:
losing one costs a day of history, or one notice more.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
from prefect import task
from prefect.types import MAX_VARIABLE_VALUE_LENGTH
from prefect.variables import Variable

from springtide.model.core_watch import FillSample, Telling
from tasks.prefect_api import own_server

_FILLS = "datastore_fills_"
_TOLD = "core_watch_told"


@dataclass(frozen=True)
class CoreMemory:
    """What the looks before have left; nothing where it could not be read."""

    fills: dict[date, tuple[FillSample, ...]] = field(default_factory=dict)
    """By day."""
    told: Telling | None = None
    """What people were told last; None where nothing was red."""


async def recall() -> CoreMemory:
    """All of it."""
    return CoreMemory(await read_fills(), await _read_telling())


async def read_fills() -> dict[date, tuple[FillSample, ...]]:
    """What was noted, by day."""
    async with own_server() as server:
        found = await server.entries(_FILLS)
    noted = {}
    for name, value in found.items():
        day = _day(name)
        if day is not None and isinstance(value, dict):
            noted[day] = tuple(_samples(day, value))
    return noted


async def _read_telling() -> Telling | None:
    stored = await Variable.aget(_TOLD)
    try:
        return Telling.model_validate(stored)
    except ValueError:
        return None


@task(task_run_name="note how full datastores are")
async def note_fills(samples: tuple[FillSample, ...], outdated: tuple[date, ...]) -> None:
    """Note the day's fills, and forget the days that are kept no longer; noted already is fine."""
    if samples:
        value = _note(samples)
        name = _FILLS + samples[0].day.strftime("%Y_%m_%d")
        if await Variable.aget(name) is None:
            # Two at once would note the same.
            await Variable.aset(name, value, overwrite=True)
    for day in outdated:
        await Variable.aunset(_FILLS + day.strftime("%Y_%m_%d"))


@task(task_run_name="remember what was told")
async def remember_telling(telling: Telling | None) -> None:
    """Remember what people were told; None: nothing is red any more."""
    if telling is None:
        await Variable.aunset(_TOLD)
    else:
        await Variable.aset(_TOLD, telling.model_dump(mode="json"), overwrite=True)


def _note(samples: tuple[FillSample, ...]) -> dict[str, list[int]]:
    """As many of them, from the first on, as a variable holds."""
    value: dict[str, list[int]] = {}
    for each in samples:
        wider = value | {each.datastore: [each.capacity_mib, each.used_mib]}
        if len(orjson.dumps(wider)) > MAX_VARIABLE_VALUE_LENGTH:
            break
        value = wider
    return value


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name.removeprefix(_FILLS).replace("_", "-"))
    except ValueError:
        return None


def _samples(day: date, value: dict[str, Any]) -> list[FillSample]:
    """What can be read of a note; a person may have put a hand to it."""
    found = []
    for name, sizes in value.items():
        match sizes:
            case [int(capacity), int(used)]:
                found.append(
                    FillSample(day=day, datastore=name, capacity_mib=capacity, used_mib=used)
                )
    return found
