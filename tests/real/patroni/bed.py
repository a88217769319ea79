"""One etcd and three members of PostgreSQL under Patroni, on loopback, ended by their pids."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
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
_SETTINGS = {
    # The quickest that Patroni allows: a dead leader is replaced within ttl.
    "ttl": 20,
    "loop_wait": 1,
    "retry_timeout": 3,
    "maximum_lag_on_failover": 1_048_576,
    "synchronous_mode": True,
    "failsafe_mode": True,
}
_PARAMETERS = {
    # What is kept need not outlive the machine; what the cluster promises does not rest on it.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": 40,
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

    def view(self) -> dict[str, Any]:
        """What the member says of itself; empty where it does not answer."""
        with suppress(httpx.HTTPError, ValueError):
            found = httpx.get(f"{self.url}/patroni", timeout=2, trust_env=False).json()
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
        """Start etcd and the members; one is primary and two stream when this returns."""
        self._start_etcd()
        for member in self.members.values():
            self._configure(member)
        for member in self.members.values():
            member.start(self._program)
        self.wait_healthy()

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
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.healthy():
                return
            time.sleep(_POLL_S)
        views = {name: member.view() for name, member in self.members.items()}
        raise RuntimeError(f"the cluster is not healthy, see {self.folder}: {views}")

    def wait_pending(self, names: Iterable[str], timeout_s: float = _START_S) -> None:
        """Return when these members say that a setting waits for their restart.

        Raises:
            RuntimeError: they do not within that time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if all(self.members[name].view().get("pending_restart") for name in names):
                return
            time.sleep(_POLL_S)
        raise RuntimeError("no restart is pending")

    def patch(self, **settings: object) -> None:
        """Change the cluster's own settings, such as its pause."""
        httpx.patch(
            f"{self.members[MEMBERS[0]].url}/config",
            json=settings,
            auth=(USER, PASSWORD),
            timeout=10,
            trust_env=False,
        ).raise_for_status()

    def _start_etcd(self) -> None:
        peer, data = f"http://127.0.0.1:{free_port()}", self.folder / "etcd"
        data.mkdir(mode=0o700)
        arguments = {
            "name": "etcd1",
            "data-dir": data,
            "listen-client-urls": self.etcd_url,
            "advertise-client-urls": self.etcd_url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"etcd1={peer}",
        }
        command = ["etcd", *(f"--{name}={value}" for name, value in arguments.items())]
        self._processes.start("etcd", command, os.environ, self.folder)
        self._processes.wait_until("etcd", self._etcd_answers, _START_S)

    def _etcd_answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.etcd_url}/health", timeout=1, trust_env=False).is_success
        return False

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
                "dcs": {**_SETTINGS, "postgresql": {"use_pg_rewind": True, "use_slots": True}},
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


@contextmanager
def running_bed() -> Iterator[PatroniBed]:
    """A healthy cluster for this while."""
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
