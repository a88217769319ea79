"""What the contract is held against: the sandbox, or a test bed of real OpenStack services."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Protocol

import httpx
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from springtide.sandbox.config import BootTime, SandboxConfig, SandboxQuota, SandboxRegion
from springtide.sandbox.process import Sandbox

CLOUD = "springtide"
REGIONS = ("GRA11", "SBG5")
POOLS = {"GRA11": "api-gra11", "SBG5": "api-sbg5"}
IMAGE = "api-iis-2026"
QUOTA = SandboxQuota(instances=320, cores=320 * 16, ram_mib=320 * 61_440, ports=2000)


class Ground(Protocol):
    """What no OpenStack API that a project may use can bring about."""

    @property
    def clouds_yaml(self) -> Path:
        """Its clouds."""
        ...

    @property
    def control_url(self) -> str:
        """Where calls are counted and faults are asked for."""
        ...

    def room(self, region: str, servers: int) -> AbstractContextManager[None]:
        """Within the context, the project may have so many more instances there."""
        ...

    def spoil_next_server(self, region: str) -> dict[str, str]:
        """Metadata for the next server of that region, which will then end in ERROR at its boot."""
        ...


@dataclass(frozen=True)
class SandboxGround:
    """The sandbox: everything by its admin API."""

    clouds_yaml: Path
    control_url: str

    @contextmanager
    def room(self, region: str, servers: int) -> Iterator[None]:
        """The quota of the sandbox's region is changed."""
        used = _used_instances(connect(self.clouds_yaml, region))
        self._set(region, QUOTA.model_copy(update={"instances": used + servers}))
        try:
            yield
        finally:
            self._set(region, QUOTA)

    def spoil_next_server(self, region: str) -> dict[str, str]:
        """By a behaviour; no metadata is needed."""
        spoiled = {"region": region, "error": "BuildAbort", "times": 1}
        httpx.post(f"{self.control_url}/admin/behaviours", json=spoiled).raise_for_status()
        return {}

    def _set(self, region: str, quota: SandboxQuota) -> None:
        httpx.patch(
            f"{self.control_url}/admin/regions/{region}", json={"quota": quota.model_dump()}
        ).raise_for_status()


@dataclass(frozen=True)
class TestbedGround:
    """Real services: quota by their administrator, a server's fault by its metadata."""

    __test__ = False

    clouds_yaml: Path
    control_url: str

    @contextmanager
    def room(self, region: str, servers: int) -> Iterator[None]:
        """The quota in Nova's own quota sets is changed."""
        project = connect(self.clouds_yaml, region)
        project_id = str(project.current_project_id)
        compute = connect(self.clouds_yaml, region, cloud="admin").compute
        compute.update_quota_set(project_id, instances=_used_instances(project) + servers)
        try:
            yield
        finally:
            compute.update_quota_set(project_id, instances=QUOTA.instances)

    def spoil_next_server(self, region: str) -> dict[str, str]:
        """The test bed's hypervisor reads it."""
        del region
        return {"testbed_fault": "abort"}


def _used_instances(project: Connection) -> int:
    limits = project.compute.get_limits().absolute
    return int(limits.total_instances_used or limits.instances_used)


@contextmanager
def on_sandbox(folder: Path) -> Iterator[Ground]:
    """A sandbox that is furnished as the test bed is."""
    regions = tuple(
        SandboxRegion(
            name=name,
            quota=QUOTA,
            cidr=IPv4Network(f"127.{61 + number}.0.0/20"),
            subnet="vrack-api",
            pools=(POOLS[name],),
            images=(IMAGE,),
        )
        for number, name in enumerate(REGIONS)
    )
    config = SandboxConfig(
        regions=regions,
        boot=BootTime(least_s=0.1, most_s=0.2, answer_s=0),
        balancer_update_s=0.15,
        data_plane=False,
    )
    with Sandbox(config) as sandbox:
        path = sandbox.clouds_yaml(folder / "clouds.yaml", cloud=CLOUD)
        yield SandboxGround(path, sandbox.url)


def connect(clouds_yaml: Path, region: str, *, cloud: str = CLOUD) -> Connection:
    """A plain connection of openstacksdk, to check independently."""
    known = OpenStackConfig(config_files=[str(clouds_yaml)], load_envvars=False)
    return Connection(session=known.get_one(cloud=cloud).get_session(), region_name=region)
