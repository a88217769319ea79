"""The unmodified `openstack` command line against the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.sandbox.process import Sandbox
from tests.sandbox.command_line import openstack
from tests.sandbox.running import a_config

# At this speed boots and deletions are over before the command line looks for the first time;
# it would look again after five seconds.
CONFIG = a_config(boot={"least_s": 0, "most_s": 0}, speed=1000)
REGION = "SBG5"


@pytest.fixture(scope="module")
def clouds_yaml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The clouds.yaml of a sandbox for this module."""
    with Sandbox(CONFIG) as sandbox:
        path = tmp_path_factory.mktemp("command-line") / "clouds.yaml"
        yield sandbox.clouds_yaml(path, auth="v3applicationcredential")


def test_the_life_of_a_server(clouds_yaml: Path) -> None:
    """Create and wait, list, show, delete and wait."""
    options = "--image api-iis-2026-11-16 --flavor b2-7 --network vrack --key-name springtide"
    more = "--tag fleet=api --property role=api --security-group api --wait -f json"
    made, listed, shown, left = openstack(
        clouds_yaml,
        REGION,
        f"server create one {options} {more}",
        "server list --tags fleet=api -f json",
        "server show one -f json",
        "server delete one --wait",
        "server list -f json",
    )
    assert ("ACTIVE", ["fleet=api"]) == (made["status"], made["tags"])
    assert [(made["id"], "one", "ACTIVE", "b2-7")] == [
        (server["ID"], server["Name"], server["Status"], server["Flavor"]) for server in listed
    ]
    assert ({"role": "api"}, made["addresses"]) == (shown["properties"], shown["addresses"])
    assert [] == left


def test_what_is_there_can_be_listed(clouds_yaml: Path) -> None:
    """Images, flavors, networks, ports, quota and balancer members, each by its own command."""
    commands = {
        "image list": {"api-iis-2026-11-01", "api-iis-2026-11-16"},
        "flavor list": {"b2-7", "b2-15", "b2-30", "b2-60", "win-b2-60", "too-large"},
        "network list": {"vrack"},
        "port list": set(),
        "loadbalancer member list api": set(),
    }
    asked = [f"{command} -f json" for command in (*commands, "quota show")]
    *listings, quota = openstack(clouds_yaml, REGION, *asked)
    assert list(commands.values()) == [{row.get("Name") for row in rows} for rows in listings]
    limits = {row["Resource"]: row["Limit"] for row in quota}
    assert (200, 500) == (limits["instances"], limits["ports"])
