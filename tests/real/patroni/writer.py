"""A client that writes all the while, and remembers what was acknowledged, and when."""

import asyncio
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import Any, Self

import asyncpg

from tests.real.patroni.bed import PatroniBed

_PAUSE_S = 0.02
_CALL_S = 30.0
_CONNECT_S = 2.0


class Writer:
    """Writes one number after another to whichever member leads."""

    def __init__(self, bed: PatroniBed) -> None:
        """Nothing is written yet."""
        self._bed = bed
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()), daemon=True)
        self.acknowledged: list[tuple[int, float]] = []
        """Numbers, and when each was acknowledged."""

    def __enter__(self) -> Self:
        """Begin, and return when the first write is acknowledged."""
        self._thread.start()
        deadline = time.monotonic() + 30
        while not self.acknowledged and time.monotonic() < deadline:
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ending.set()
        self._thread.join(timeout=_CALL_S)

    def gaps(self, since: float = 0.0) -> list[float]:
        """Seconds without an acknowledged write since that time, until now; the longest first."""
        times = [at for _, at in self.acknowledged if at >= since]
        return sorted(
            (after - before for before, after in pairwise([*times, time.monotonic()])), reverse=True
        )

    def lost(self) -> set[int]:
        """Numbers that were acknowledged, and that the member that leads now does not have."""
        return {number for number, _ in self.acknowledged} - asyncio.run(self._stored())

    async def _stored(self) -> set[int]:
        connection = await self._connected()
        try:
            return {row["n"] for row in await connection.fetch("SELECT n FROM written")}
        finally:
            await connection.close()

    async def _write(self) -> None:
        number, connection = 0, None
        while not self._ending.is_set():
            try:
                if connection is None:
                    connection = await self._connected()
                    await connection.execute(
                        "CREATE TABLE IF NOT EXISTS written (n bigint PRIMARY KEY)"
                    )
                    number = max(number, await connection.fetchval(_NEXT))
                await connection.execute("INSERT INTO written VALUES ($1)", number, timeout=_CALL_S)
                self.acknowledged.append((number, time.monotonic()))
                await asyncio.sleep(_PAUSE_S)
            except _BROKEN:
                if connection is not None:
                    connection.terminate()
                connection = None
                await asyncio.sleep(_PAUSE_S)
            # A write of which no answer came may be there: its number is not used again.
            number += 1
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Any:  # noqa: ANN401 - it has no types
        while not self._ending.is_set() or self.acknowledged:
            for member in self._bed.members.values():
                with suppress(asyncpg.PostgresError, OSError, TimeoutError):
                    connection = await asyncio.wait_for(
                        asyncpg.connect(**member.connection), _CONNECT_S
                    )
                    if not await connection.fetchval("SELECT pg_is_in_recovery()"):
                        return connection
                    connection.terminate()
            await asyncio.sleep(0.02)
        raise OSError("nobody leads")


_BROKEN = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection says that broke while it was answering
    OSError,
    TimeoutError,
)
_NEXT = "SELECT coalesce(max(n), -1) + 1 FROM written"
