"""A PostgreSQL cluster of Debian's packages, for tests: on a socket of its own, never on a port."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deployments.processes import Processes

BINARIES = Path("/usr/lib/postgresql/15/bin")
ACCOUNT = "postgres"
_START_S = 30.0
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "synchronous_commit": "off",
    "unix_socket_permissions": "0700",
}
"""What is kept need not outlive the machine; nobody but its own account and root may connect."""


class PostgresCluster:
    """A cluster whose whole state is one folder, which can be deleted when it is ended."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Nothing is started; the folder is made where it is missing. `settings` come last.

        Where we are root the cluster runs as `postgres`, for it refuses to run as root: every
        folder above this one must let that account through.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._data, self.sockets = folder / "data", folder / "sockets"
        self._given = dict(settings or {})
        self._processes = Processes(folder / "run")

    def start(self) -> None:
        """Start it; it answers when this returns.

        Raises:
            RuntimeError: it does not start; the message names its log.
        """
        self._folder.chmod(0o711)
        for folder in (self._data, self.sockets):
            folder.mkdir(mode=0o700, exist_ok=True)
            if os.geteuid() == 0:
                shutil.chown(folder, ACCOUNT, ACCOUNT)
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        settings = [f"--{name}={value}" for name, value in self._settings().items()]
        command = [*as_account(), str(BINARIES / "postgres"), "-D", str(self._data), *settings]
        self._processes.start("postgres", command, os.environ, self._folder)
        self._processes.wait_until("postgres", self._answers, _START_S)

    def end(self) -> None:
        """End it, with the connections that are still open."""
        pid = self._processes.pid("postgres")
        if pid is not None:
            # Asked by SIGTERM it would wait for its clients to leave.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        self._processes.end("postgres")

    def become_standby_of(self, primary: "PostgresCluster") -> None:
        """Have its folder be a copy of a running cluster, which it follows once started."""
        self._folder.chmod(0o711)
        self.sockets.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.sockets, ACCOUNT, ACCOUNT)
            shutil.chown(self._folder, ACCOUNT, ACCOUNT)
        where = ("--host", str(primary.sockets), "--username", ACCOUNT)
        how = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self._run("pg_basebackup", *where, *how, "--pgdata", str(self._data))

    def create_database(self, name: str) -> str:
        """Create an empty database; its URL for SQLAlchemy's asyncpg."""
        self._run("createdb", "--host", str(self.sockets), "--username", ACCOUNT, name)
        return f"postgresql+asyncpg://{ACCOUNT}@/{name}?host={self.sockets}"

    def query(self, database: str, statement: str) -> str:
        """What the statement returns, as text without headings."""
        where = ("--host", str(self.sockets), "--username", ACCOUNT, "--dbname", database)
        return self._run("psql", *where, "--tuples-only", "--no-align", "--command", statement)

    def _settings(self) -> dict[str, str]:
        return {**_SETTINGS, "unix_socket_directories": str(self.sockets), **self._given}

    def _initialise(self) -> None:
        access = ("--username", ACCOUNT, "--auth-local=trust", "--auth-host=reject")
        self._run("initdb", "-D", str(self._data), *access, "--no-sync", "--encoding=UTF8")

    def _answers(self) -> bool:
        command = [str(BINARIES / "pg_isready"), "--quiet", "--host", str(self.sockets)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        command = [*as_account(), str(BINARIES / program), *arguments]
        done = subprocess.run(
            command, check=False, cwd=self._folder, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
        return done.stdout


def as_account() -> list[str]:
    """What goes before a command to run it as PostgreSQL's account where we are root."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam(ACCOUNT)
    # It becomes the command itself, so that the pid is that of the cluster.
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
