"""Taking turns at a fleet: it saves work, and nothing rests on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prefect import get_run_logger
from prefect.concurrency.asyncio import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    concurrency,
)

_LEASE_S = 60.0
"""The least that Prefect allows: a killed holder's turn is free again soon after it, if the server
keeps its leases on disk, as ours do, also where it was restarted meanwhile."""

_NOT_HAD = (AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError, httpx.HTTPError)


@asynccontextmanager
async def fleet_turn(fleet: str, *, wait_s: float) -> AsyncIterator[None]:
    """Wait up to `wait_s` seconds for other convergences of the fleet, then go on regardless.

    Two at once overshoot for a round and put it right in the next; a turn that a dead run or a
    restarted server holds must not keep an evening from opening or closing.
    """
    turn = concurrency(
        f"fleet-{fleet}", timeout_seconds=wait_s, lease_duration=_LEASE_S, strict=False
    )
    try:
        await turn.__aenter__()
    except _NOT_HAD as error:
        get_run_logger().warning("turn=not-had fleet=%s why=%s", fleet, error)
        yield
        return
    try:
        yield
    finally:
        try:
            await turn.__aexit__(None, None, None)
        except _NOT_HAD as error:
            get_run_logger().warning("turn=not-given-back fleet=%s why=%s", fleet, error)
