"""Dumps as they come: the globals, then each database in pg_dump's custom format, uncompressed.

Compressed by pg_dump a dump shares nearly nothing with the one of yesterday; uncompressed it is cut
where its content says so, and the vault compresses what is new.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import quote

from springtide.clouds.postgres.base_backup import BaseFile
from springtide.clouds.postgres.programs import failure, named
from springtide.clouds.postgres.server import Server
from springtide.errors import Misconfigured

GLOBALS = "globals.sql"


def dumps(server: Server, databases: tuple[str, ...]) -> Iterator[BaseFile]:
    """A file for the globals and one for each database; each is to be read before the next one.

    Raises:
        Misconfigured: the server has no such database, or lets us not in.
        Retryable: a dump did not come whole.
    """
    known = server.databases()
    if unknown := sorted(set(databases) - set(known)):
        raise Misconfigured(
            f"{len(unknown)} databases are not there: the first is {unknown[0]!r}",
            field="databases",
            allowed="names of databases that allow connections; empty: all",
        )
    with _program(server, "pg_dumpall", "--globals-only", "--no-password") as output:
        yield _file(GLOBALS, output)
    for database in databases or known:
        options = (
            "--format=custom",
            "--compress=0",
            "--no-password",
            f"--dbname={named(database)}",
        )
        with _program(server, "pg_dump", *options) as output:
            yield _file(dump_name(database), output)


def dump_name(database: str) -> str:
    """The name of a database's dump; any name of a database is one of a file then."""
    return f"{quote(database, safe='')}.dump"


@contextmanager
def _program(server: Server, name: str, *arguments: str) -> Iterator[IO[bytes]]:
    """What a program writes; it must have ended well once that was read."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603 - the program and its arguments are ours
            [server.programs.path(name), *arguments],
            env=server.programs.environment(server.service),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        if process.stdout is None:
            raise AssertionError("its output was asked for")
        try:
            yield process.stdout
            if process.wait():
                errors.seek(0)
                raise failure(name, process.returncode, errors.read().decode("utf-8", "replace"))
        finally:
            if process.poll() is None:
                process.kill()


def _file(name: str, output: IO[bytes]) -> BaseFile:
    now = int(time.time())
    return BaseFile(name, "file", 0o600, now, (0, 0, "", ""), "", output)  # type: ignore[arg-type] # a pipe fills buffers, too
