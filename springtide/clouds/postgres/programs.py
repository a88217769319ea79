"""PostgreSQL's own programs: how they are called, and what their errors mean.

Each connects by a section of the service file, so that host, user, TLS and password file are said
in one place, and by libpq's rules. What a program says goes to a log on this machine: it may name
tables and files. Only what a connection was refused with is told further.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from springtide.errors import Misconfigured, Retryable
from springtide.model.postgres import PostgresSource

_PASSED = ("HOME", "LANG", "PATH", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR", "TZ")
_CONNECT_S = 10
_REFUSALS = re.compile(
    r"(?:FATAL|connection to server|definition of service|could not translate).*"
)
_WRONG = re.compile(r"definition of service|FATAL: +(?:password|no pg_hba|role|database)|must be")
_MOST_TOLD = 300
Account = tuple[int, int]
"""User and group, by their numbers."""


class Programs:
    """The programs of one source's major version, and how they find its server."""

    def __init__(self, source: PostgresSource, environment: Mapping[str, str] = os.environ) -> None:
        """Nothing is called yet."""
        self._folder = Path(source.programs_folder)
        self._environment = environment

    def path(self, name: str) -> str:
        """The path of a program.

        Raises:
            Misconfigured: it is not installed there.
        """
        path = self._folder / name
        if not os.access(path, os.X_OK):
            raise Misconfigured(
                f"{path} is not there",
                field="programs_folder",
                allowed="the folder of the programs of the server's major version",
            )
        return str(path)

    def environment(self, service: str | None = None) -> dict[str, str]:
        """What a program is to know; with a service, how it finds the server."""
        known = {name: self._environment[name] for name in _PASSED if name in self._environment}
        # Their messages are read: in one language.
        known |= {"LC_MESSAGES": "C", "PGCONNECT_TIMEOUT": str(_CONNECT_S)}
        return known | ({"PGSERVICE": service, "PGAPPNAME": "springtide"} if service else {})

    def run(
        self,
        name: str,
        *arguments: str,
        service: str | None = None,
        timeout_s: float = 60.0,
        account: Account | None = None,
    ) -> str:
        """What the program wrote; it has ended. With an account it runs as that one.

        Raises:
            Misconfigured: it may not connect.
            Retryable: it did not succeed, or not in time.
        """
        command = [self.path(name), *arguments]
        try:
            done = subprocess.run(  # type: ignore[call-overload] # noqa: S603 - ours
                command,
                cwd="/",  # which every account may enter
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
                **as_account(account),
            )
        except subprocess.TimeoutExpired as error:
            raise Retryable(f"{name} did not end within {timeout_s:g} s") from error
        if done.returncode:
            raise failure(name, done.returncode, done.stderr)
        said: str = done.stdout
        return said


def named(database: str) -> str:
    """The database as a connection string: an equals sign in its name begins no option then."""
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


def as_account(account: Account | None) -> dict[str, object]:
    """How a process is started as that account; None: as we are."""
    if account is None:
        return {}
    return {"user": account[0], "group": account[1], "extra_groups": []}


def failure(name: str, code: int, said: str) -> Misconfigured | Retryable:
    """What a program's failure comes to; only a refused connection is told in its own words."""
    refusals = [found[0] for found in map(_REFUSALS.search, said.splitlines()) if found]
    if refusals and _WRONG.search(refusals[-1]):
        return Misconfigured(refusals[-1][:_MOST_TOLD], field="service")
    return Retryable(
        f"{name}: " + (refusals[-1][:_MOST_TOLD] if refusals else f"ended with {code}")
    )
