"""A server on what was restored: on a socket of its own, reachable for nobody else, ended by pid.

Nothing that stands in the restored configuration takes effect: it could connect to the old primary,
archive over the old archive, or listen to the world. What recovery needs goes by the command line,
and so leaves no trace in the data directory.
"""

import os
import pwd
import re
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from springtide.clouds.postgres.programs import Account, Programs, as_account, failure, named
from springtide.errors import Damaged, Misconfigured, Retryable
from springtide.model.postgres import PostgresSource

_POLL_S = 0.1
_STOP_S = 120.0
_PORT = "5432"
_CHECK_S = 24 * 3600.0
_NOT_REACHED = "recovery ended before configured recovery target was reached"
_KEPT = {
    "max_connections setting": "max_connections",
    "max_worker_processes setting": "max_worker_processes",
    "max_wal_senders setting": "max_wal_senders",
    "max_prepared_xacts setting": "max_prepared_transactions",
    "max_locks_per_xact setting": "max_locks_per_transaction",
}
"""Of the server whose log is replayed: with less it cannot be."""
_SAFE = {
    "archive_command": "",
    "archive_mode": "off",
    "autovacuum": "off",
    "hot_standby": "off",
    "listen_addresses": "",
    "lc_messages": "C",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "primary_conninfo": "",
    "recovery_end_command": "",
    "shared_preload_libraries": "",
    "ssl": "off",
    "synchronous_standby_names": "",
    "unix_socket_permissions": "0700",
}


class Target(NamedTuple):
    """Where recovery ends."""

    time: datetime | None
    timeline: int


class ScratchServer:
    """One server on a restored data directory; `end` it, whatever happens."""

    def __init__(self, source: PostgresSource, data: Path, work: Path) -> None:
        """Nothing is started; `work` is an empty folder for its socket, files and log."""
        self._source, self._data, self._work = source, data, work
        self._programs = Programs(source)
        self._process: subprocess.Popen[bytes] | None = None
        self.owner = account(source)

    def prepare(self) -> None:
        """Have the data directory be one that recovers, of the account that will run it.

        Raises:
            Misconfigured: it is of another major version than the programs.
            Damaged: it is not what its manifest says.
        """
        self._refuse_other_version()
        self._verify()
        (self._data / "standby.signal").unlink(missing_ok=True)
        (self._data / "recovery.signal").touch(mode=0o600)
        self._hand_over()

    def create(self) -> None:
        """Have an empty cluster in the data directory, which is made."""
        self._data.mkdir(mode=0o700)
        self._hand_over()
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        who = ("-D", str(self._data), "-U", self._source.superuser)
        self._programs.run("initdb", *who, *options, timeout_s=_CHECK_S, account=self.owner)

    def start(self, *, patience_s: float) -> None:
        """Start a cluster that was created; it answers then.

        Raises:
            Damaged: it does not start.
            Retryable: it did not in time.
        """
        self._serve(_SAFE | self._own() | {"fsync": "off"}, patience_s)

    def recover(self, command: str, target: Target, *, durable: bool, patience_s: float) -> None:
        """Start it and return once it has recovered to the target and answers.

        Raises:
            Misconfigured: the log ends before the target.
            Damaged: it does not start.
            Retryable: it did not come to an end in time.
        """
        settings = (
            _SAFE
            | self._kept()
            | self._own()
            | {
                "fsync": "on" if durable else "off",
                "recovery_target_action": "promote",
                "recovery_target_timeline": str(target.timeline),
                "restore_command": command,
            }
        )
        if target.time is not None:
            settings["recovery_target_time"] = target.time.isoformat()
        self._serve(settings, patience_s)

    def _serve(self, settings: dict[str, str], patience_s: float) -> None:
        self._start(settings)
        deadline = time.monotonic() + patience_s
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise self._story()
            if time.monotonic() > deadline:
                raise Retryable(f"the scratch server has not recovered within {patience_s:.0f} s")
            time.sleep(_POLL_S)

    def load_globals(self, script: Path) -> None:
        """Have the roles of a `pg_dumpall --globals-only`.

        Raises:
            Damaged: one of its statements fails.
        """
        self._load("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", str(script))

    def load_dump(self, dump: Path, database: str) -> None:
        """Have the database as `pg_dump` in its custom format has it.

        Raises:
            Damaged: it cannot be restored to its end.
        """
        options = ("--exit-on-error", "--no-password")
        if [database] in self.ask("SELECT datname FROM pg_database"):
            self._load("pg_restore", *options, "-d", named(database), str(dump))
        else:
            self._load("pg_restore", *options, "--create", "-d", "postgres", str(dump))

    def ask(self, statement: str, database: str = "postgres") -> list[list[str]]:
        """The rows of a statement, as text."""
        options = ("-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1")
        said = self._run("psql", *options, "-d", named(database), "-c", statement)
        return [line.split("\t") for line in said.splitlines() if line]

    def check(self) -> int:
        """How many lines pg_amcheck has to say of damaged tables and indexes, in all databases.

        Raises:
            Retryable: it did not come to its end.
        """
        command = [self._programs.path("pg_amcheck"), "--all", "--install-missing", *self._where()]
        done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
            command,
            env=self._programs.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CHECK_S,
            check=False,
        )
        found = len(done.stdout.splitlines())
        if done.returncode and not found:
            raise failure("pg_amcheck", done.returncode, done.stderr)
        return found

    def end(self) -> None:
        """End it, as cleanly as it lets itself be ended."""
        if self._process is None:
            return
        for number, patience_s in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, 10), (9, 10)):
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
                break
        self._process = None

    def _start(self, settings: dict[str, str]) -> None:
        given = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        with (self._work / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload] # noqa: S603 - ours
                [self._programs.path("postgres"), "-D", str(self._data), *given],
                cwd=self._work,
                env=self._programs.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_account(self.owner),
            )

    def _answers(self) -> bool:
        try:
            return self.ask("SELECT NOT pg_is_in_recovery()") == [["t"]]
        except (Retryable, Misconfigured):
            return False

    def _story(self) -> Exception:
        text = (self._work / "server.log").read_text("utf-8", errors="replace")
        if _NOT_REACHED in text:
            return Misconfigured(
                "the archived log ends before",
                field="target_time",
                allowed="a time before the last transaction that is archived; empty: all of it",
            )
        fatal = re.findall(r"(?:FATAL|PANIC):  (could not [a-z]+|[a-z ]{3,60})", text)
        why = f": {fatal[-1]}" if fatal else ""
        return Damaged(f"the restored cluster does not start{why}; its log is beside it")

    def _kept(self) -> dict[str, str]:
        said = self._programs.run("pg_controldata", str(self._data))
        fields = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        return {name: fields[label].strip() for label, name in _KEPT.items() if label in fields}

    def _refuse_other_version(self) -> None:
        version = (self._data / "PG_VERSION").read_text("ascii").strip()
        said = self._programs.run("postgres", "--version")
        if not re.search(rf"\b{re.escape(version)}\.", said):
            raise Misconfigured(
                f"the cluster is of version {version}, the programs are not: {said.strip()}",
                field="programs_folder",
                allowed=f"the folder of the programs of version {version}",
            )

    def _verify(self) -> None:
        try:
            # The log is proven by the recovery itself.
            self._programs.run(
                "pg_verifybackup", "--no-parse-wal", "--quiet", str(self._data), timeout_s=_CHECK_S
            )
        except Retryable as error:
            raise Damaged("pg_verifybackup: the base backup is not what was taken") from error

    def _own(self) -> dict[str, str]:
        return {
            "config_file": str(self._work / "postgresql.conf"),
            "hba_file": str(self._work / "hba.conf"),
            "ident_file": str(self._work / "ident.conf"),
            "external_pid_file": "",
            "port": _PORT,
            "unix_socket_directories": str(self._work),
        }

    def _hand_over(self) -> None:
        (self._work / "hba.conf").write_text("local all all trust\n", "ascii")
        for name in ("ident.conf", "postgresql.conf"):
            (self._work / name).touch()
        if self.owner is not None:
            for path in (self._data, *self._data.rglob("*"), self._work, *self._work.iterdir()):
                os.chown(path, *self.owner, follow_symlinks=False)
        self._data.chmod(0o700)

    def _load(self, name: str, *arguments: str) -> None:
        try:
            self._programs.run(name, *self._where(), *arguments, timeout_s=_CHECK_S)
        except Retryable as error:
            raise Damaged(f"{name} could not restore it to its end") from error

    def _where(self) -> tuple[str, ...]:
        return ("-h", str(self._work), "-p", _PORT, "-U", self._source.superuser, "-w")

    def _run(self, name: str, *arguments: str) -> str:
        return self._programs.run(name, *self._where(), *arguments)


def account(source: PostgresSource) -> Account | None:
    """Who runs a scratch server; None: the worker's user, which is not root.

    Raises:
        Misconfigured: there is no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(source.account)
    except KeyError as error:
        raise Misconfigured(
            f"no account {source.account!r} on this machine",
            field="account",
            allowed="one that may run PostgreSQL, as root may not",
        ) from error
    return found.pw_uid, found.pw_gid


def sync(source: PostgresSource, data: Path) -> None:
    """Have all of a data directory on the disk."""
    Programs(source).run("initdb", "--sync-only", "-D", str(data), timeout_s=_CHECK_S)
