"""The test bed's processes: what is started, in which order, and how it is known to answer."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from deployments.deploy import ROOT
from deployments.processes import Processes
from tests.real.openstack.layout import HERE, Layout, Region

_START_S = 120.0
_PYTHON = "/usr/bin/python3"
"""Debian's: its packages hold the services."""
_RABBITMQ = Path("/usr/lib/rabbitmq/lib")
_UWSGI = (
    *("uwsgi", "--plugins", "python3", "--master", "--die-on-term", "--enable-threads"),
    *("--lazy-apps", "--need-app", "--thunder-lock", "--buffer-size", "65535", "--disable-logging"),
    # uWSGI's own HTTP socket does not keep connections.
    *("--add-header", "Connection: close"),
)


class Services:
    """Starts and ends the processes of one test bed, all of them on loopback."""

    def __init__(self, layout: Layout) -> None:
        """Nothing is started."""
        self.layout = layout
        # RabbitMQ takes its time to end.
        self.processes = Processes(layout.run, patience_s=30)

    def start(self, name: str, *command: str | Path | int, **variables: object) -> None:
        """Start a process, unless it runs already."""
        if self.processes.alive(name):
            return
        env = environment() | {key: str(value) for key, value in variables.items()}
        self.processes.start(name, [str(word) for word in command], env, self.layout.folder)

    def start_stores(self) -> None:
        """Start memcached, MariaDB and RabbitMQ, and return when they listen."""
        layout = self.layout
        self._memcached()
        self.start("mariadb", "mariadbd", f"--defaults-file={layout.etc / 'my.cnf'}")
        self._rabbitmq()
        for name in ("memcached", "mariadb", "rabbitmq"):
            port = layout.internal(name)
            self._wait(name, lambda port=port: listens(port))

    def start_keystone(self) -> None:
        """Start Keystone and return when it answers."""
        config = self.layout.etc / "keystone.conf"
        self._uwsgi("keystone", "/usr/bin/keystone-wsgi-public", OS_KEYSTONE_CONFIG_FILES=config)
        self._wait_http("keystone", self.layout.internal("keystone"), "/v3")

    def start_apis(self) -> None:
        """Start every other API; `wait_for_apis` waits for them."""
        layout = self.layout
        for region in layout.regions:
            self._start_region(region)
        self.start("glance", "glance-api", "--config-file", layout.etc / "glance-api.conf")
        for kind in ("account", "container", "object", "proxy"):
            self.start(f"swift-{kind}", f"swift-{kind}-server", layout.etc / f"{kind}-server.conf")
        octavia = layout.etc / "octavia.conf"
        pyargv = ("--pyargv", f"--config-file {octavia}")
        self._uwsgi("octavia", "/usr/bin/octavia-wsgi", *pyargv)
        self.start("octavia-worker", "octavia-worker", "--config-file", octavia)

    def start_compute(self) -> None:
        """Start what runs Nova's work; Keystone and Placement must answer."""
        for region in self.layout.regions:
            folder = self.layout.etc / region.key
            nova = ("--config-file", folder / "nova-compute.conf")
            databases = ("--config-file", folder / "nova-databases.conf")
            for name in ("nova-conductor", "nova-scheduler"):
                self.start(f"{name}-{region.key}", name, *nova, *databases)
            launcher = HERE / "plugins" / "nova_compute.py"
            self.start(f"nova-compute-{region.key}", _PYTHON, launcher, *nova)

    def start_front_door(self, config: Path) -> None:
        """Start the front door and return when it answers."""
        command = (ROOT / ".venv/bin/python", "-m", "tests.real.openstack.front_door", config)
        self.start("front-door", *command, PYTHONPATH=ROOT)
        self._wait_http("front-door", self.layout.first_port, "/admin/clock")

    def wait_for_apis(self) -> None:
        """Return when every API answers.

        Raises:
            RuntimeError: one ended or does not answer; the message names its log.
        """
        layout = self.layout
        for region in layout.regions:
            for name, kind in (("placement", "placement"), ("neutron", "network")):
                port = layout.internal_of(region, kind)
                self._wait_http(f"{name}-{region.key}", port)
            self._wait_http(f"nova-api-{region.key}", layout.internal_of(region, "compute"))
        self._wait_http("glance", layout.internal("glance"))
        self._wait_http("swift-proxy", layout.internal("swift"), "/healthcheck")
        self._wait_http("octavia", layout.internal("octavia"))

    def _start_region(self, region: Region) -> None:
        folder, key = self.layout.etc / region.key, region.key
        port = self.layout.internal_of(region, "placement")
        self._uwsgi(
            f"placement-{key}", "/usr/bin/placement-api", port=port, OS_PLACEMENT_CONFIG_DIR=folder
        )
        neutron = ("--config-file", folder / "neutron.conf", "--config-file", folder / "ml2.ini")
        self.start(f"neutron-{key}", "neutron-server", *neutron)
        nova = ("--config-file", folder / "nova-compute.conf")
        databases = ("--config-file", folder / "nova-databases.conf")
        self.start(f"nova-api-{key}", "nova-api", *nova, *databases)

    def _uwsgi(
        self, name: str, program: str, *more: str, port: int | None = None, **variables: object
    ) -> None:
        address = f"127.0.0.1:{port or self.layout.internal(name)}"
        threads = (
            ("--processes", "2", "--threads", "4") if name == "keystone" else ("--threads", "4")
        )
        command = (*_UWSGI, "--http-socket", address, "--wsgi-file", program, *threads, *more)
        self.start(name, *command, **variables)

    def _memcached(self) -> None:
        port = self.layout.internal("memcached")
        self.start(
            *("memcached", "memcached", "-u", "root", "-l", "127.0.0.1", "-p", port),
            *("-m", "64", "-U", "0"),
        )

    def _rabbitmq(self) -> None:
        layout, var = self.layout, self.layout.var / "rabbitmq"
        server = sorted(_RABBITMQ.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        loopback = "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
        self.start(
            "rabbitmq",
            server[-1],
            HOME=var,
            HOSTNAME="localhost",
            RABBITMQ_NODENAME=f"testbed{layout.first_port}@localhost",
            RABBITMQ_MNESIA_BASE=var,
            RABBITMQ_LOG_BASE=layout.run,
            RABBITMQ_CONFIG_FILE=layout.etc / "rabbitmq.conf",
            RABBITMQ_ENABLED_PLUGINS_FILE=layout.etc / "rabbitmq-plugins",
            RABBITMQ_CONF_ENV_FILE=os.devnull,
            RABBITMQ_DIST_PORT=layout.internal("rabbitmq_dist"),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=loopback,
            ERL_EPMD_ADDRESS="127.0.0.1",
            ERL_EPMD_PORT=layout.internal("epmd"),
        )

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        self.processes.wait_until(name, ready, _START_S)

    def _wait_http(self, name: str, port: int, path: str = "/") -> None:
        self._wait(name, lambda: answers(f"http://127.0.0.1:{port}{path}"))


def environment() -> dict[str, str]:
    """The environment of Debian's programs: nothing of a virtual environment's."""
    return {
        "HOME": os.environ.get("HOME", "/root"),
        "LANG": "C.UTF-8",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(HERE / "plugins"),
        "PYTHONWARNINGS": "ignore",
    }


def listens(port: int) -> bool:
    """Whether something listens on that port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Whether there is an answer that is no server's error: a 401 is one too."""
    try:
        status = httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return False
    return status < httpx.codes.INTERNAL_SERVER_ERROR


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = _START_S) -> None:
    """Return when it holds.

    Raises:
        RuntimeError: it does not within that time.
    """
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.5)
