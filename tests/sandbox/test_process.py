"""A sandbox as a process: in a thread, on a chosen port, ended by a signal; openstacksdk on it."""

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
import yaml

from springtide.sandbox.process import Auth, Sandbox
from springtide.sandbox.sockets import AddressBusyError
from tests.sandbox.running import Api, a_config

SERVE = """
import sys
from springtide.sandbox.process import serve
from tests.sandbox.running import a_config
serve(a_config(), lambda sandbox: print(sandbox.url, flush=True))
print("ended", flush=True)
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for this module."""
    with Sandbox(a_config()) as sandbox:
        yield sandbox


def connect(sandbox: Sandbox, folder: Path, region: str = "GRA11", auth: Auth = "password") -> Any:  # noqa: ANN401 - openstacksdk has no types for it
    """A connection of openstacksdk to one region, by a clouds.yaml of the sandbox's own."""
    path = sandbox.clouds_yaml(folder / "clouds.yaml", auth=auth)
    config = openstack.config.OpenStackConfig(config_files=[str(path)], load_envvars=False)
    return openstack.connection.Connection(config=config.get_one("sandbox", region_name=region))


@pytest.mark.parametrize("auth", ["password", "v3applicationcredential"])
def test_clouds_yaml_lists_every_region(sandbox: Sandbox, tmp_path: Path, auth: Auth) -> None:
    """The file is for its owner alone, and openstacksdk authenticates by it in each region."""
    path = sandbox.clouds_yaml(tmp_path / "clouds.yaml", auth=auth)
    entry = yaml.safe_load(path.read_text())["clouds"]["sandbox"]
    assert (["GRA11", "SBG5"], 0o600) == (entry["regions"], path.stat().st_mode & 0o777)
    for region in entry["regions"]:
        cloud = connect(sandbox, tmp_path, region, auth)
        assert [network.name for network in cloud.network.networks()] == ["vrack"]


def test_openstacksdk_creates_and_deletes_a_server(sandbox: Sandbox, tmp_path: Path) -> None:
    """The SDK finds what it needs by name, waits for ACTIVE, and waits until it is gone."""
    sandbox.reset()
    cloud = connect(sandbox, tmp_path)
    server = cloud.create_server(
        "one",
        image="api-iis-2026-11-16",
        flavor="b2-7",
        network="vrack",
        auto_ip=False,
        tags=["fleet=api"],
    )
    server = cloud.compute.wait_for_server(server, interval=0.05, wait=30)
    assert ("ACTIVE", ["fleet=api"]) == (server.status, server.tags)
    assert [server.id] == [found.id for found in cloud.compute.servers(tags="fleet=api")]
    assert cloud.delete_server("one")
    cloud.compute.wait_for_delete(server, interval=0.05, wait=30)
    assert list(cloud.compute.servers()) == []


def test_openstacksdk_authenticates_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """When its token becomes worthless, the SDK gets another by itself."""
    cloud = connect(sandbox, tmp_path)
    before = [flavor.name for flavor in cloud.compute.flavors()]
    sandbox.revoke_tokens()
    assert before == [flavor.name for flavor in cloud.compute.flavors()]


def test_openstacksdk_reads_quotas_and_addresses(sandbox: Sandbox, tmp_path: Path) -> None:
    """Limits, quota usage, ports and address pools, as a headroom check reads them."""
    sandbox.reset()
    Api(sandbox).running(2)
    cloud = connect(sandbox, tmp_path)
    absolute = cloud.compute.get_limits().absolute
    quota = cloud.network.get_quota(cloud.current_project_id, details=True)
    available = next(iter(cloud.network.network_ip_availabilities()))
    assert (20, 2) == (absolute.instances, absolute.instances_used)
    assert (20, 2) == (quota.ports["limit"], quota.ports["used"])
    assert (253, 2) == (available.total_ips, available.used_ips)


def test_openstacksdk_uploads_an_image(sandbox: Sandbox, tmp_path: Path) -> None:
    """The SDK uploads a file and finds the checksum that it computed itself."""
    sandbox.reset()
    content = tmp_path / "image.raw"
    content.write_bytes(b"springtide" * 1000)
    cloud = connect(sandbox, tmp_path)
    image = cloud.create_image("new", filename=str(content), disk_format="raw", wait=True)
    assert ("active", 10_000) == (image.status, image.size)
    assert cloud.delete_image(image.id)


def test_a_taken_port_is_told() -> None:
    """Two sandboxes can't share a port; the second says so when it is entered."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        second = Sandbox(a_config(port=taken.getsockname()[1]))
        with pytest.raises(AddressBusyError), second:
            pass


def test_sandboxes_of_one_seed_are_alike() -> None:
    """The same seed and the same calls give the same identifiers and boot times."""
    seen = []
    for _ in range(2):
        with Sandbox(a_config(boot={"least_s": 0.0, "most_s": 0.5})) as sandbox:
            api = Api(sandbox)
            servers = api.running(3)
            seen.append([(server["id"], server["addresses"]) for server in servers])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    """A served sandbox answers until the signal, then returns to its caller with status 0."""
    arguments = [sys.executable, "-c", SERVE]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        url = served.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}/admin/clock", timeout=20) as answer:  # noqa: S310 - loopback
            status = answer.status
        served.send_signal(number)
        rest = served.stdout.read().strip()
        code = served.wait(20)
    assert (200, "ended", 0) == (status, rest, code)
