"""Brings a test bed up, and down again."""

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openstack.exceptions import SDKException

from tests.real.openstack.catalogue import connect, fill_catalogue, write_clouds
from tests.real.openstack.configuration import write_configuration
from tests.real.openstack.estate import write_estate
from tests.real.openstack.heat import start_heat
from tests.real.openstack.layout import BLOCK, Layout
from tests.real.openstack.schemas import make_schemas, prepare_folders
from tests.real.openstack.seed import seed
from tests.real.openstack.services import Services, listens, wait_until

_PROGRAMS = (
    *("keystone-manage", "placement-manage", "glance-api", "neutron-server", "nova-api"),
    *("nova-conductor", "nova-scheduler", "octavia-worker", "swift-proxy-server"),
    *("mariadbd", "rabbitmq-server", "memcached", "uwsgi", "openssl"),
)
_BINARIES = {"nova-conductor", "nova-scheduler", "nova-compute"}


@dataclass(frozen=True)
class Testbed:
    """A test bed that runs."""

    __test__ = False
    folder: Path
    control_url: str
    """The front door's API: clock, calls, faults."""
    regions: tuple[str, ...]

    @property
    def clouds_yaml(self) -> Path:
        """Its clouds: `springtide`, and `admin`."""
        return self.folder / "clouds.yaml"

    @property
    def estate_yaml(self) -> Path:
        """An estate that stands on it."""
        return self.folder / "estate.yaml"


def bring_up(layout: Layout, say: Callable[[str], None]) -> Testbed:
    """Start what does not run yet, and return when every service works.

    Raises:
        RuntimeError: a package is missing, a port is taken, or a service does not start.
    """
    _check(layout)
    services = Services(layout)
    write_configuration(layout)
    prepare_folders(layout)
    services.start_stores()
    say("MariaDB, RabbitMQ and memcached answer")
    made = layout.var / "schemas-made"
    if not made.exists():
        make_schemas(layout)
        made.touch()
        say("schemas are made")
    services.start_front_door(_doors(layout))
    services.start_keystone()
    write_clouds(layout)
    fill_catalogue(layout)
    say("Keystone answers")
    services.start_apis()
    services.wait_for_apis()
    services.start_compute()
    say("every API answers")
    for region in layout.regions:
        wait_until(lambda r=region.name: _computes(layout, r), f"{region.name}: Nova's services")
    seed(layout)
    say("image, flavours, networks and balancers are there")
    if layout.heat:
        start_heat(layout, services)
        say("Heat answers")
    write_estate(layout.folder, layout.control_url)
    found = Testbed(layout.folder, layout.control_url, tuple(r.name for r in layout.regions))
    known = {"regions": found.regions, "control_url": found.control_url}
    (layout.folder / "testbed.json").write_text(json.dumps(known), "utf-8")
    return found


def running(layout: Layout) -> Testbed | None:
    """The test bed of that folder, if it is up."""
    try:
        known = json.loads((layout.folder / "testbed.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    if not Services(layout).processes.alive("front-door"):
        return None
    return Testbed(layout.folder, known["control_url"], tuple(known["regions"]))


def take_down(layout: Layout) -> None:
    """End every process of the test bed; what it keeps stays in its folder."""
    processes = Services(layout).processes
    for name in [record.stem for record in layout.run.glob("*.pid")]:
        processes.signal(name, signal.SIGTERM)
    processes.end_all()


def _check(layout: Layout) -> None:
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    missing = [name for name in _PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        raise RuntimeError(f"not installed: {', '.join(missing)}. `make testbed-up` installs them")
    layout.run.mkdir(parents=True, exist_ok=True)
    if list(layout.run.glob("*.pid")):
        return
    taken = [p for p in range(layout.first_port, layout.first_port + BLOCK) if listens(p)]
    if taken:
        raise RuntimeError(f"port {taken[0]} is taken: is another test bed running?")


def _doors(layout: Layout) -> Path:
    """The front door's configuration."""
    doors = [
        {
            "port": door,
            "service": kind,
            "region": region.name,
            "target": f"http://127.0.0.1:{port}",
        }
        for kind, region, door, port in layout.doors()
    ]
    path = layout.etc / "front-door.json"
    path.write_text(json.dumps({"control_port": layout.first_port, "doors": doors}), "utf-8")
    return path


def _computes(layout: Layout, region: str) -> bool:
    """Whether Nova's services are up there and its hypervisors known to the scheduler."""
    try:
        compute = connect(layout, "admin", region).compute
        up = {service.binary for service in compute.services() if service.state == "up"}
        return up >= _BINARIES and any(True for _ in compute.hypervisors())
    except SDKException:
        return False
