"""Where everything of a test bed is: folders, ports, regions, names."""

import os
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_FOLDER = Path("/var/lib/springtide-testbed")
PASSWORD = "testbed"  # noqa: S105 - everything listens on loopback
PROJECT = "springtide"
SERVER_PORT = 8080
"""Where servers answer; see plugins/answering.py."""
BLOCK = 200
"""How many ports a test bed takes from its first one on."""
_SHARED = ("identity", "image", "load-balancer", "object-store", "orchestration")
_REGIONAL = ("compute", "network", "placement")
_INTERNAL = (
    *("keystone", "glance", "octavia", "octavia_health", "heat"),
    *("swift", "swift_account", "swift_container", "swift_object"),
    *("mariadb", "rabbitmq", "rabbitmq_dist", "epmd", "memcached"),
)


@dataclass(frozen=True)
class Region:
    """One region with a Nova, a Neutron and a Placement of its own."""

    name: str
    number: int

    @property
    def key(self) -> str:
        """Its name where programs want letters and digits alone, e.g. `gra11`."""
        return self.name.lower()

    @property
    def cidr(self) -> IPv4Network:
        """Its servers' addresses: of the loopback range, so that they can really answer."""
        return IPv4Network(f"127.{61 + self.number}.0.0/20")

    @property
    def pool(self) -> str:
        """Its balancer's pool."""
        return f"api-{self.key}"


@dataclass(frozen=True)
class Layout:
    """A test bed's folder and its block of ports."""

    folder: Path
    first_port: int = 15000
    heat: bool = False
    """Whether Heat runs too: benchmarks compare with it."""

    @classmethod
    def of_environment(cls) -> "Layout":
        """The one that SPRINGTIDE_TESTBED names by its folder, or the usual one."""
        folder = Path(os.environ.get("SPRINGTIDE_TESTBED", DEFAULT_FOLDER)).resolve()
        return cls(folder, heat=bool(os.environ.get("SPRINGTIDE_TESTBED_HEAT")))

    @property
    def regions(self) -> tuple[Region, ...]:
        """Two, in France by their names."""
        return tuple(Region(name, number) for number, name in enumerate(("GRA11", "SBG5")))

    @property
    def etc(self) -> Path:
        """Configuration files."""
        return self.folder / "etc"

    @property
    def var(self) -> Path:
        """What the services keep."""
        return self.folder / "var"

    @property
    def run(self) -> Path:
        """Pids, logs, sockets."""
        return self.folder / "run"

    @property
    def control_url(self) -> str:
        """The front door's own API."""
        return f"http://127.0.0.1:{self.first_port}"

    def internal(self, name: str) -> int:
        """The port on which a service itself listens, by its program's name."""
        return self.first_port + 100 + _INTERNAL.index(name)

    def internal_of(self, region: Region, kind: str) -> int:
        """The port on which a region's own service itself listens."""
        return self.first_port + 120 + 10 * region.number + _REGIONAL.index(kind)

    def doors(self) -> list[tuple[str, Region, int, int]]:
        """Every door: kind, region, its port, and the port of the service behind it.

        Services that regions share have a door for each region too, so that calls can be told
        apart.
        """
        programs = ("keystone", "glance", "octavia", "swift", "heat")
        doors = []
        for region in self.regions:
            first = self.first_port + 20 + 10 * region.number
            for offset, kind in enumerate(_REGIONAL):
                doors.append((kind, region, first + offset, self.internal_of(region, kind)))
            for offset, (kind, program) in enumerate(zip(_SHARED, programs, strict=True), start=3):
                doors.append((kind, region, first + offset, self.internal(program)))
        return doors
