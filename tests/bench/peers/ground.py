"""Where everybody is measured: one region of a cloud, and the names of what servers need there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from openstack.config import OpenStackConfig
from openstack.connection import Connection
from pydantic import Field

from springtide.model.base import Model
from springtide.sandbox.config import SandboxConfig, SandboxQuota, SandboxRegion
from springtide.sandbox.process import Sandbox

ROOT = Path(__file__).resolve().parents[3]
TESTBED = Path("/var/lib/springtide-testbed")
PREFIX = "peer"
"""Every contestant's servers are called so, with what it appends; others are not looked at."""


class Ground(Model):
    """A cloud, one region of it, and what a server there is made of; all by name."""

    kind: str
    """What answers: a test bed of real services, or a sandbox."""
    folder: Path
    """Where contestants' environments and files are kept."""
    clouds_yaml: Path
    cloud: str
    control_url: str
    """Where calls are counted."""
    region: str = "GRA11"
    image: str = "api-iis-2026"
    flavour: str = "win-b2-60"
    network: str = "vrack"
    subnet: str = "vrack-api"
    pool: str = "peers"
    port: int = 8080
    security_group: str = "api"
    key_pair: str = "springtide"
    ids: dict[str, str] = Field(default_factory=dict)
    """By what the floor is given instead of names: `image`, `flavour`, `network`, `subnet`, `pool`,
    `balancer`."""

    @property
    def environment(self) -> dict[str, str]:
        """What every contestant is told, beside the number of servers."""
        told = ("image", "flavour", "network", "subnet", "pool", "port")
        names = {f"PEER_{name.upper()}": str(getattr(self, name)) for name in told}
        return {
            # A plugin's or a proxy's settings of the person who measures are not to be measured.
            **{key: os.environ[key] for key in ("HOME", "LANG", "PATH") if key in os.environ},
            **names,
            "PEER_SECURITY_GROUP": self.security_group,
            "PEER_KEY_PAIR": self.key_pair,
            "PEER_PREFIX": PREFIX,
            "OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml),
            "OS_CLOUD": self.cloud,
            "OS_REGION_NAME": self.region,
            "PYTHONPATH": str(ROOT),
        }


@contextmanager
def testbed_ground(folder: Path) -> Iterator[Ground]:
    """The region GRA11 of the test bed in `folder`, with a pool that is the bench's own.

    Raises:
        FileNotFoundError: no test bed has been started there.
    """
    told = json.loads((folder / "testbed.json").read_text("utf-8"))
    ground = Ground(
        kind="real services",
        folder=folder / "peers",
        clouds_yaml=folder / "clouds.yaml",
        cloud="springtide",
        control_url=told["control_url"],
    )
    cloud = _connection(ground)
    _make_pool(cloud, ground)
    try:
        yield _with_ids(cloud, ground)
    finally:
        cloud.load_balancer.delete_load_balancer(ground.pool, cascade=True)


def _connection(ground: Ground) -> Any:  # noqa: ANN401 - the SDK has no types
    known = OpenStackConfig(config_files=[str(ground.clouds_yaml)], load_envvars=False)
    return Connection(config=known.get_one(cloud=ground.cloud, region_name=ground.region))


def _make_pool(cloud: Any, ground: Ground) -> None:  # noqa: ANN401 - as above
    """Make a balancer like the seeded ones, unless a bench that was killed left it."""
    balancers, name = cloud.load_balancer, ground.pool
    if balancers.find_pool(name):
        return
    subnet = cloud.network.find_subnet(ground.subnet, ignore_missing=False)
    balancer = balancers.create_load_balancer(name=name, vip_subnet_id=subnet.id)
    balancers.wait_for_load_balancer(balancer.id, interval=1)
    pool = balancers.create_pool(
        name=name, loadbalancer_id=balancer.id, protocol="HTTP", lb_algorithm="LEAST_CONNECTIONS"
    )
    balancers.wait_for_load_balancer(balancer.id, interval=1)
    balancers.create_health_monitor(
        pool_id=pool.id, type="HTTP", url_path="/health", delay=5, timeout=3, max_retries=3
    )
    balancers.wait_for_load_balancer(balancer.id, interval=1)


def _with_ids(cloud: Any, ground: Ground) -> Ground:  # noqa: ANN401 - as above
    pool = cloud.load_balancer.find_pool(ground.pool, ignore_missing=False)
    found = {
        "image": cloud.image.find_image(ground.image, ignore_missing=False).id,
        "flavour": cloud.compute.find_flavor(ground.flavour, ignore_missing=False).id,
        "network": cloud.network.find_network(ground.network, ignore_missing=False).id,
        "subnet": cloud.network.find_subnet(ground.subnet, ignore_missing=False).id,
        "pool": pool.id,
        "balancer": pool.loadbalancers[0]["id"],
    }
    return ground.model_copy(update={"ids": found})


@contextmanager
def sandbox_ground(folder: Path) -> Iterator[Ground]:
    """A sandbox with one region like the test bed's, for as long as the context lasts.

    It is for trying contestants out: its counts have the watcher's own calls in them.
    """
    quota = SandboxQuota(instances=320, cores=10_000, ram_mib=320 * 61_440, ports=500)
    region = SandboxRegion(
        quota=quota,
        cidr=IPv4Network("127.63.0.0/20"),
        pools=("peers",),
        images=("api-iis-2026",),
    )
    folder.mkdir(parents=True, exist_ok=True)
    with Sandbox(SandboxConfig(regions=(region,))) as sandbox:
        ground = Ground(
            kind="sandbox",
            folder=folder,
            clouds_yaml=sandbox.clouds_yaml(folder / "clouds.yaml"),
            cloud="sandbox",
            control_url=sandbox.url,
            subnet="vrack",
        )
        yield _with_ids(_connection(ground), ground)


def environment_of(name: str, folder: Path) -> Path:
    """The Python of a virtual environment with what `<name>.lock` names; made where it is not."""
    lock = Path(__file__).with_name(f"{name}.lock")
    home = folder / f"venv-{name}"
    python, made = home / "bin" / "python", home / "made-from.lock"
    if made.exists() and made.read_bytes() == lock.read_bytes():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "--require-hashes", "-r", str(lock)], check=True)
    made.write_bytes(lock.read_bytes())
    return python
