"""A vCenter on loopback for tests: govmomi's simulator, started by a launcher of our own.

Debian carries the simulator as source. The launcher beside this file adds what the stock one lacks:
hot add only with its flags, change versions, room for swap files, guests that take their time,
users, ended sessions, faults and slow tasks on demand. It is built once and kept by the hash of
what it is made of.
"""

import hashlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from springtide.model.core import Core
from tests.real.vcenter.certificates import Certificates, make_certificates
from tests.real.vcenter.inventory import Inventory

LAUNCHER = Path(__file__).parent / "launcher"
SOURCES = Path("/usr/share/gocode/src/github.com/vmware/govmomi")
_BUILD_S = 600
HOST = "127.0.0.2"
"""Not 127.0.0.1: pyVmomi leaves certificates there unverified, so a test there proves nothing."""


def built_launcher() -> Path:
    """The launcher's program, built where no build of the same sources is kept."""
    parts = [*sorted(LAUNCHER.glob("*.go")), SOURCES / "go.mod", SOURCES / "simulator/simulator.go"]
    digest = hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "springtide"
    program = cache / f"vcenter-simulator-{digest}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Under a name of this process, then moved: two builds at once do no harm.
        made = cache / f"{program.name}.{os.getpid()}"
        subprocess.run(
            [shutil.which("go") or "/usr/bin/go", "build", "-o", str(made), "."],
            cwd=LAUNCHER,
            env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"},
            check=True,
            timeout=_BUILD_S,
        )
        made.rename(program)
    return program


class Simulator:
    """A running vCenter, and the tests' way in apart from its API."""

    def __init__(
        self, address: tuple[str, int], certificates: Certificates, *, user: str, password: str
    ) -> None:
        """It listens at that address and port."""
        self.host, self.port = address
        self.certificates = certificates
        self.user, self.password = user, password

    @property
    def environment(self) -> dict[str, str]:
        """What a worker's environment says of its credentials."""
        return {
            "SPRINGTIDE_VCENTER_USER": self.user,
            "SPRINGTIDE_VCENTER_PASSWORD": self.password,
        }

    def core(self, **changes: object) -> Core:
        """How an estate names it, trusting its authority, unless `changes` say otherwise."""
        said: dict[str, object] = {
            "host": self.host,
            "port": self.port,
            "ca_file": str(self.certificates.authority),
            "clusters": ("core",),
        }
        return Core.model_validate(said | changes)

    def set_host(self, name: str, **change: object) -> None:
        """Change `state`, `in_maintenance`, `used_mhz`, `used_mib` or `status` of a host."""
        self._control("POST", "hosts", {"name": name, **change})

    def set_datastore(self, name: str, **change: object) -> None:
        """Change `capacity_bytes`, `free_bytes` or `accessible`; an unknown one is new."""
        self._control("POST", "datastores", {"name": name, **change})

    def set_virtual_machine(self, name: str, **change: object) -> None:
        """Change what no caller of the API does.

        `shutdown_s` is what the guest takes to shut down (below 0: it never does), `tools` whether
        VMware Tools run, `on` the power as the guest itself turns it, `touched` that somebody
        changed something, so that its change version moved on, `inaccessible` that vCenter cannot
        read its files, so that it has no configuration, `disks` the guest's file systems
        with `path`, `capacity_bytes` and `free_bytes`.
        """
        self._control("POST", "virtual-machines", {"name": name, **change})

    def virtual_machines(self) -> dict[str, dict[str, Any]]:
        """By name: `on`, `shutdown_asked`, `vcpus`, `ram_mib`, as the simulator has them."""
        return {each["name"]: each for each in self._control("GET", "virtual-machines")}

    def order(self, method: str, fault: str = "", **order: object) -> None:
        """Have the next call of `method` end in `fault`, a name of the API's.

        Or in `garbage`, an answer that is none, or `hangup`: it is done and no answer comes.
        `virtual_machine` limits it to one, `in_task` lets the call pass and the task fail, `slow_s`
        delays, `times` is how often (default 1, below 0: always).
        """
        self._control("POST", "faults", {"method": method, "fault": fault, **order})

    def forget_orders(self) -> None:
        """Order no faults any more."""
        self._control("DELETE", "faults")

    def end_sessions(self) -> None:
        """End every session, as vCenter does with those that idle."""
        self._control("DELETE", "sessions")

    def set_delay(self, seconds: float) -> None:
        """Have each call take so much longer."""
        self._control("POST", "delay", seconds)

    def calls(self, method: str = "") -> list[dict[str, str]]:
        """What was called, with `method`, `this`, `session` and the whole `body`, oldest first."""
        found: list[dict[str, str]] = self._control("GET", "calls")
        return [call for call in found if method in ("", call["method"])]

    def forget_calls(self) -> None:
        """Start the record of calls anew."""
        self._control("DELETE", "calls")

    def _control(self, method: str, what: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        context = ssl.create_default_context(cafile=str(self.certificates.authority))
        context.check_hostname = False  # some are made for another address, on purpose
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=context)
        try:
            connection.request(method, f"/control/{what}", json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"{method} {what}: {text.decode()}")
        return json.loads(text)


@contextmanager
def running_simulator(
    folder: Path, inventory: Inventory, *, host: str = HOST, certified_for: str | None = None
) -> Iterator[Simulator]:
    """A vCenter that shows that inventory; it ends with the context, or with this process."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates = make_certificates(folder / "tls", certified_for or host)
    described = folder / "inventory.json"
    described.write_text(json.dumps(inventory.document()), "utf-8")
    command = [
        *(str(built_launcher()), "-listen", f"{host}:0", "-inventory", str(described)),
        *("-certificate", str(certificates.certificate), "-key", str(certificates.key)),
        *("-folder", str(folder / "datastores")),
    ]
    with (
        (folder / "simulator.log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line.strip():
                text = (folder / "simulator.log").read_text("utf-8")
                raise RuntimeError(f"the vCenter did not start: {text}")
            user, password = next(iter(inventory.users.items()))
            yield Simulator((host, int(line)), certificates, user=user, password=password)
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait(timeout=10)
