"""Clusters that are backed up in tests: written to all the while by one who keeps the books."""

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import asyncpg
import pytest

from springtide.model.postgres import PostgresSource
from tests.real.postgres import BINARIES, PostgresCluster

SETTINGS = {
    "full_page_writes": "on",
    "max_wal_senders": "10",
    "min_wal_size": "32MB",
    "synchronous_commit": "on",
    "wal_keep_size": "0",
}
TABLE = "CREATE TABLE book (number bigint PRIMARY KEY, noise text)"
ADD = """
INSERT INTO book SELECT $1, string_agg(md5(random()::text), '') FROM generate_series(1, 40)
"""


class Ground:
    """A folder with a primary, the worker's service file, and what the estate says of it."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started."""
        self.folder = folder
        self.service_file = folder / "pg_service.conf"
        self.primary = PostgresCluster(folder / "primary", SETTINGS)
        self.standby = PostgresCluster(folder / "standby", SETTINGS)
        self.stranger = PostgresCluster(folder / "stranger", SETTINGS)
        self._services: dict[str, PostgresCluster] = {}

    def lead_to(self, cluster: PostgresCluster, *, service: str = "core") -> None:
        """Have the service lead to that cluster, as a failover would."""
        self._services[service] = cluster
        self.service_file.write_text(
            "\n".join(
                f"[{name}]\nhost={each.sockets}\nuser=postgres\ndbname=postgres"
                for name, each in self._services.items()
            ),
            "utf-8",
        )

    def source(self, **changes: object) -> PostgresSource:
        """The source `core`; a recovery point of ten minutes is allowed."""
        known = {
            "kind": "postgresql",
            "name": "core",
            "vault": "documents",
            "service": "core",
            "spool_folder": str(self.folder / "spool"),
            "restore_folder": str(self.folder / "restores"),
            "wal_max_age": timedelta(minutes=10),
        }
        return PostgresSource.model_validate(known | changes)


def has_postgresql() -> None:
    """Skip the test where PostgreSQL is missing; in CI that is a failure."""
    if not (BINARIES / "postgres").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")


@contextmanager
def a_ground() -> Iterator[Ground]:
    """A running primary with an empty book; skips where PostgreSQL is missing, in CI it fails."""
    has_postgresql()
    # Not below pytest's own folder: that lets nobody through, and PostgreSQL's account is another.
    with tempfile.TemporaryDirectory(prefix="springtide-pg-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        ground = Ground(folder)
        before = os.environ.get("PGSERVICEFILE")
        os.environ["PGSERVICEFILE"] = str(ground.service_file)
        try:
            ground.primary.start()
            ground.lead_to(ground.primary)
            ground.primary.query("postgres", TABLE)
            yield ground
        finally:
            for cluster in (ground.stranger, ground.standby, ground.primary):
                cluster.end()
            os.environ.pop("PGSERVICEFILE")
            if before is not None:
                os.environ["PGSERVICEFILE"] = before


class Writer:
    """Writes a line of the book after another, and knows which were acknowledged by when."""

    def __init__(self, cluster: PostgresCluster, *, first: int = 1) -> None:
        """It begins with the context."""
        self._sockets = cluster.sockets
        self._number = first - 1
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()))
        self._ask = threading.Event()
        self._told = threading.Event()
        self._moment: tuple[datetime, int] | None = None
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write no more."""
        self._ended.set()
        self._thread.join(60)
        if self.failure is not None:
            raise self.failure

    @property
    def acknowledged(self) -> int:
        """The last line that was acknowledged."""
        return self._number

    def moment(self) -> tuple[datetime, int]:
        """A time by the server's clock, and the last line that was acknowledged before it.

        The line after it was begun later.
        """
        self._told.clear()
        self._ask.set()
        if not self._told.wait(60) or self._moment is None:
            raise AssertionError("the writer does not write")
        return self._moment

    async def _write(self) -> None:
        try:
            connection = await asyncpg.connect(host=str(self._sockets), user="postgres")
            while not self._ended.is_set():
                await connection.execute(ADD, self._number + 1)
                self._number += 1
                if self._ask.is_set():
                    self._ask.clear()
                    now = await connection.fetchval("SELECT clock_timestamp()")
                    self._moment = now, self._number
                    self._told.set()
            await connection.close()
        except BaseException as error:  # noqa: BLE001 - raised where the context ends
            self.failure = error


def numbers_in(data: Path) -> list[int]:
    """The lines of the book in a restored, stopped cluster, in order: it is started to be asked."""
    with tempfile.TemporaryDirectory(prefix="springtide-pg-") as name:
        folder = Path(name)
        cluster = PostgresCluster(folder, SETTINGS)
        shutil.move(data, folder / "data")
        try:
            cluster.start()
            while cluster.query("postgres", "SELECT pg_is_in_recovery()").strip() == "t":
                time.sleep(0.1)  # ended by the test's own time-out
            said = cluster.query("postgres", "SELECT number FROM book ORDER BY number")
        finally:
            cluster.end()
        return [int(line) for line in said.split()]
