"""Taking turns at a fleet: it saves work, and nothing rests on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prefect import get_run_logger
from prefect.concurrency.asyncio import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    concurrency,
)

_LEASE_S = 60.0
"""The least that Prefect allows: a killed holder's turn is free again after it."""


@asynccontextmanager
async def fleet_turn(fleet: str, *, wait_s: float) -> AsyncIterator[None]:
    """Wait up to `wait_s` seconds for other convergences of the fleet, then go on regardless.

    Two at once overshoot for a round and put it right in the next; a turn that a dead run or a
    restarted server holds must not keep an evening from opening or closing.
    """
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(
                concurrency(
                    f"fleet-{fleet}", timeout_seconds=wait_s, lease_duration=_LEASE_S, strict=False
                )
            )
        except (AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError) as error:
            get_run_logger().warning("turn=not-had fleet=%s why=%s", fleet, error)
        yield
