"""One etcd and three members of PostgreSQL under Patroni, on loopback, ended by their pids."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import yaml

from deployments.processes import Processes
from springtide.sandbox.sockets import free_port
from tests.real.patroni.program import patroni_program
from tests.real.postgres import ACCOUNT, BINARIES, as_account

CLUSTER = "school"
MEMBERS = ("db1", "db2", "db3")
USER, PASSWORD = "springtide", "of-the-test-bed"
"""Of Patroni's REST interface."""
_START_S = 90.0
_POLL_S = 0.2
_CLIENT = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
"""One for all polls: each client reads every authority anew. No connection outlives a member."""
_SETTINGS = {
    # The quickest that Patroni allows: a dead leader is replaced within ttl.
    "ttl": 20,
    "loop_wait": 1,
    "retry_timeout": 3,
    "maximum_lag_on_failover": 1_048_576,
    "synchronous_mode": True,
    "failsafe_mode": True,
}
LIMITS = {"max_connections": 60, "max_prepared_transactions": 4}
_PARAMETERS = {
    # What is kept need not outlive the machine; what the cluster promises does not rest on it.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "wal_log_hints": "on",
    "max_wal_size": "256MB",
    "wal_keep_size": "128MB",
}


class Member:
    """One member: its two ports, its folder, its process."""

    def __init__(self, name: str, folder: Path, processes: Processes) -> None:
        """Nothing is started."""
        self.name = name
        self.rest_port, self.port = free_port(), free_port()
        self.folder = folder / name
        self._processes = processes

    @property
    def url(self) -> str:
        """Of Patroni's REST interface."""
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def connection(self) -> dict[str, Any]:
        """How asyncpg reaches its PostgreSQL."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": ACCOUNT,
            "password": PASSWORD,
            "database": ACCOUNT,
        }

    def start(self, program: Path) -> None:
        """Start Patroni, which starts PostgreSQL."""
        command = [*as_account(), str(program), str(self.folder / "patroni.yaml")]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        self._processes.start(self.name, command, environment, self.folder)

    def stop(self) -> None:
        """End Patroni as the shutdown of its machine does: it ends PostgreSQL first."""
        self._processes.end(self.name)

    def freeze(self) -> None:
        """Have Patroni answer nothing, as a machine that hangs; PostgreSQL goes on."""
        self._processes.signal(self.name, signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._processes.signal(self.name, signal.SIGCONT)

    @property
    def postmaster(self) -> int | None:
        """The pid of its PostgreSQL; None where none runs."""
        with suppress(OSError, ValueError):
            return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        return None

    def child(self, title: str) -> int:
        """The pid of the process of its PostgreSQL that has this in its title.

        Raises:
            RuntimeError: it has none.
        """
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                told = (process / "cmdline").read_bytes().decode("utf-8", "replace")
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.postmaster and title in told:
                    return int(process.name)
        raise RuntimeError(f"{self.name} has no process {title}")

    @property
    def log(self) -> str:
        """What Patroni and its PostgreSQL have logged."""
        return self._processes.log(self.name).read_text("utf-8", "replace")

    def query(self, statement: str) -> str:
        """What its PostgreSQL answers, as text without headings."""
        where = ("--host", str(self.folder), "--port", str(self.port), "--username", ACCOUNT)
        command = [str(BINARIES / "psql"), *where, "--tuples-only", "--no-align", "-c", statement]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def view(self) -> dict[str, Any]:
        """What the member says of itself; empty where it does not answer."""
        with suppress(httpx.HTTPError, ValueError):
            found = _CLIENT.get(f"{self.url}/patroni", timeout=2).json()
            return dict(found)
        return {}


class PatroniBed:
    """The cluster of the tests."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started; all of it stands below the folder."""
        self.folder = folder
        self._processes = Processes(folder / "run", patience_s=40)
        self._program = patroni_program()
        self.etcd_url = f"http://127.0.0.1:{free_port()}"
        self.members = {name: Member(name, folder, self._processes) for name in MEMBERS}

    def start(self) -> None:
        """Start etcd and the members; they take a while to be well (`wait_healthy`)."""
        start_etcd(self._processes, self.folder, self.etcd_url)
        for member in self.members.values():
            self._configure(member)
        for member in self.members.values():
            member.start(self._program)

    def end(self) -> None:
        """End all of it."""
        for member in self.members.values():
            member.thaw()
            member.stop()
        self._processes.end_all()

    def start_member(self, name: str) -> None:
        """Start a member that was stopped, as the start of its machine does."""
        self.members[name].start(self._program)

    def leader(self) -> str | None:
        """The member that says of itself that it is primary; None where none or several do."""
        found = [
            n
            for n, m in self.members.items()
            if (view := m.view()).get("role") == "primary" and view.get("state") == "running"
        ]
        return found[0] if len(found) == 1 else None

    def healthy(self) -> bool:
        """Whether one leads and two stream, one of them synchronously."""
        views = [member.view() for member in self.members.values()]
        streaming = [v for v in views if v.get("replication_state") == "streaming"]
        synchronous = [v for v in views if v.get("sync_standby")]
        return self.leader() is not None and len(streaming) == 2 and len(synchronous) == 1

    def wait_healthy(self, timeout_s: float = _START_S) -> None:
        """Return when it is healthy.

        Raises:
            RuntimeError: it is not within that time.
        """
        self._wait(self.healthy, "the cluster is healthy", timeout_s)

    def wait_synchronous(self) -> None:
        """Return when one leads and a standby of it is synchronous, whoever is down.

        Raises:
            RuntimeError: that is not within a start's time.
        """

        def synchronous() -> bool:
            views = [member.view() for member in self.members.values()]
            return self.leader() is not None and any(view.get("sync_standby") for view in views)

        self._wait(synchronous, "a standby is synchronous")

    def wait_pending(self, names: Iterable[str]) -> None:
        """Return when these members say that a setting waits for their restart.

        Raises:
            RuntimeError: they do not within that time.
        """
        members = [self.members[name] for name in names]
        self._wait(lambda: all(m.view().get("pending_restart") for m in members), "a restart waits")

    def _wait(self, come: Callable[[], bool], what: str, timeout_s: float = _START_S) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if come():
                return
            time.sleep(_POLL_S)
        views = {name: member.view() for name, member in self.members.items()}
        raise RuntimeError(f"not within {timeout_s:g} s: {what}; see {self.folder}: {views}")

    def patch(self, **settings: object) -> None:
        """Change the cluster's own settings, such as its pause."""
        httpx.patch(
            f"{self.members[MEMBERS[0]].url}/config",
            json=settings,
            auth=(USER, PASSWORD),
            timeout=10,
            trust_env=False,
        ).raise_for_status()

    def require_watchdog(self, name: str, *, required: bool) -> None:
        """Have the member require a watchdog, of which there is none here, or do without again."""
        member = self.members[name]
        mode = "required" if required else "off"
        configuration = self._configuration(member) | {"watchdog": {"mode": mode}}
        (member.folder / "patroni.yaml").write_text(yaml.safe_dump(configuration), "utf-8")
        login = (USER, PASSWORD)
        httpx.post(f"{member.url}/reload", auth=login, timeout=10, trust_env=False)
        self._wait(lambda: required == ("watchdog_failed" in member.view()), "its watchdog")

    def _configure(self, member: Member) -> None:
        member.folder.mkdir()
        shutil.chown(member.folder, ACCOUNT, ACCOUNT)
        text = yaml.safe_dump(self._configuration(member), sort_keys=False)
        (member.folder / "patroni.yaml").write_text(text, "utf-8")

    def _configuration(self, member: Member) -> dict[str, Any]:
        rest, address = f"127.0.0.1:{member.rest_port}", f"127.0.0.1:{member.port}"
        accounts = {"superuser": ACCOUNT, "replication": "replicator", "rewind": "rewinder"}
        return {
            "scope": CLUSTER,
            "name": member.name,
            "restapi": {
                "listen": rest,
                "connect_address": rest,
                "authentication": {"username": USER, "password": PASSWORD},
            },
            "etcd3": {"host": self.etcd_url.removeprefix("http://")},
            "bootstrap": {
                "dcs": {
                    **_SETTINGS,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "use_slots": True,
                        # A replica needs at least as much of these as its primary: agreed upon,
                        # so that no member can have another.
                        "parameters": LIMITS,
                    },
                },
                "initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            },
            "postgresql": {
                "listen": address,
                "connect_address": address,
                "data_dir": str(member.folder / "data"),
                "bin_dir": str(BINARIES),
                "authentication": {
                    kind: {"username": name, "password": PASSWORD}
                    for kind, name in accounts.items()
                },
                "parameters": {
                    **_PARAMETERS,
                    "unix_socket_directories": str(member.folder),
                },
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.1/32 scram-sha-256",
                    "host replication all 127.0.0.1/32 scram-sha-256",
                ],
            },
            "watchdog": {"mode": "off"},
        }


def start_etcd(processes: Processes, folder: Path, url: str) -> None:
    """Start an etcd of one member on what the folder holds of an earlier one; then it answers."""
    peer = f"http://127.0.0.1:{free_port()}"
    (folder / "etcd").mkdir(mode=0o700, exist_ok=True)
    arguments = {
        "name": "etcd1",
        "data-dir": folder / "etcd",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"etcd1={peer}",
    }
    command = ["etcd", *(f"--{name}={value}" for name, value in arguments.items())]

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return _CLIENT.get(f"{url}/health", timeout=1).is_success
        return False

    processes.start("etcd", command, os.environ, folder)
    processes.wait_until("etcd", answers, _START_S)


@contextmanager
def running_bed() -> Iterator[PatroniBed]:
    """A cluster for this while; it has been started, and is not healthy yet."""
    # Of a folder that others may pass: PostgreSQL runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="springtide-patroni-", dir="/var/tmp"))
    folder.chmod(0o755)
    bed = PatroniBed(folder)
    try:
        bed.start()
        yield bed
    finally:
        bed.end()
        shutil.rmtree(folder, ignore_errors=True)
