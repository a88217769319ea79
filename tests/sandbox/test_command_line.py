"""The unmodified `openstack` command line against the sandbox."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from springtide.sandbox.process import Sandbox
from tests.sandbox.running import a_config

# At this speed boots and deletions are over before the command line looks for the first time;
# it would look again after five seconds.
CONFIG = a_config(boot={"least_s": 0, "most_s": 0}, speed=1000)


class CommandLine:
    """Runs `openstack` in one region."""

    def __init__(self, clouds_yaml: Path) -> None:
        """Speak to the cloud of that clouds.yaml."""
        settings = {
            "OS_CLIENT_CONFIG_FILE": str(clouds_yaml),
            "OS_CLOUD": "sandbox",
            "OS_REGION_NAME": "SBG5",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self._environment = kept | settings

    def __call__(self, command: str) -> Any:  # noqa: ANN401 - JSON may be anything
        """What the command prints, as JSON; None if nothing."""
        arguments = [sys.executable, "-m", "openstackclient.shell", *command.split()]
        done = subprocess.run(
            arguments,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def openstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line of a sandbox for this module."""
    with Sandbox(CONFIG) as sandbox:
        path = tmp_path_factory.mktemp("command-line") / "clouds.yaml"
        yield CommandLine(sandbox.clouds_yaml(path, auth="v3applicationcredential"))


def test_the_life_of_a_server(openstack: CommandLine) -> None:
    """Create and wait, list, show, delete and wait."""
    options = "--image api-iis-2026-11-16 --flavor b2-7 --network vrack --key-name springtide"
    more = "--tag fleet=api --property role=api --security-group api --wait -f json"
    made = openstack(f"server create one {options} {more}")
    assert ("ACTIVE", ["fleet=api"]) == (made["status"], made["tags"])
    with ThreadPoolExecutor(2) as pool:
        listed, shown = pool.map(
            openstack, ["server list --tags fleet=api -f json", "server show one -f json"]
        )
    assert [(made["id"], "one", "ACTIVE", "b2-7")] == [
        (server["ID"], server["Name"], server["Status"], server["Flavor"]) for server in listed
    ]
    assert ({"role": "api"}, made["addresses"]) == (shown["properties"], shown["addresses"])
    assert openstack("server delete one --wait") is None
    assert openstack("server list -f json") == []


def test_what_is_there_can_be_listed(openstack: CommandLine) -> None:
    """Images, flavors, networks, ports, quota and balancer members, each by its own command."""
    commands = {
        "image list": {"api-iis-2026-11-01", "api-iis-2026-11-16"},
        "flavor list": {"b2-7", "b2-15", "b2-30", "b2-60", "win-b2-60", "too-large"},
        "network list": {"vrack"},
        "port list": set(),
        "loadbalancer member list api": set(),
    }
    with ThreadPoolExecutor(2) as pool:
        quota = pool.submit(openstack, "quota show -f json")
        listings = pool.map(openstack, [f"{command} -f json" for command in commands])
        found = [{row.get("Name") for row in listing or []} for listing in listings]
    assert list(commands.values()) == found
    limits = {row["Resource"]: row["Limit"] for row in quota.result()}
    assert (200, 500) == (limits["instances"], limits["ports"])
