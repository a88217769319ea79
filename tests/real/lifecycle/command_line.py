"""What stands in a cloud, counted by the `openstack` command line: by no code of ours."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPENSTACK = Path(sys.executable).with_name("openstack")
CLOUD = "springtide"
FLEET_TAG = "springtide:fleet:api"
_PATIENCE_S = 120


@dataclass(frozen=True)
class Census:
    """What stands in every region; servers, ports and members go by their addresses."""

    servers: Mapping[str, str]
    """Nova's status of each server of the fleet, by its address, or its id while it has none."""
    ports: frozenset[str]
    """Of every port that the project has."""
    members: Mapping[str, int]
    """The weight of each member of the fleet."""

    @property
    def totals(self) -> tuple[int, int, int]:
        """How many servers, ports and members there are."""
        return len(self.servers), len(self.ports), len(self.members)

    @property
    def serving(self) -> frozenset[str]:
        """Members with a weight that have an ACTIVE server and a port."""
        active = {at for at, status in self.servers.items() if status == "ACTIVE"}
        weighted = {at for at, weight in self.members.items() if weight > 0}
        return frozenset(active & weighted & self.ports)


def take_census(clouds_yaml: Path, pools: Mapping[str, str]) -> Census:
    """What stands now; `pools` names each region's pool.

    Raises:
        RuntimeError: the command line did not list everything.
    """
    with ThreadPoolExecutor(len(pools)) as threads:
        listed = list(threads.map(lambda at: _listings(clouds_yaml, *at), pools.items()))
    servers, ports, members = (
        [row for region in kind for row in region] for kind in zip(*listed, strict=True)
    )
    return Census(
        {_address_of(server): str(server["Status"]) for server in servers},
        frozenset(fixed["ip_address"] for port in ports for fixed in port["Fixed IP Addresses"]),
        {str(member["address"]): int(member["weight"]) for member in members},
    )


def _listings(clouds_yaml: Path, region: str, pool: str) -> list[list[dict[str, Any]]]:
    """Servers, ports and members of a region, as the command line lists them."""
    commands = (
        f"server list --tags {FLEET_TAG} -f json",
        "port list -f json",
        f"loadbalancer member list {pool} --tags {FLEET_TAG} -f json",
    )
    env = {
        **os.environ,
        "OS_CLIENT_CONFIG_FILE": str(clouds_yaml),
        "OS_CLOUD": CLOUD,
        "OS_REGION_NAME": region,
        # The first version that lists by tags.
        "OS_COMPUTE_API_VERSION": "2.26",
    }
    # Given its commands on its standard input, it starts, and asks for a token, once for all.
    done = subprocess.run(
        [OPENSTACK],
        check=False,
        input="".join(f"{command}\n" for command in commands),
        env=env,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
    )
    listings = list(_documents(done.stdout))
    if len(listings) != len(commands):
        raise RuntimeError(f"{region}: openstack listed {len(listings)} kinds: {done.stderr}")
    return listings


def _documents(text: str) -> Iterable[list[dict[str, Any]]]:
    """The JSON documents that stand one after the other in that text."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].strip()


def _address_of(server: Mapping[str, Any]) -> str:
    addresses = [address for found in server["Networks"].values() for address in found]
    return str(addresses[0] if addresses else server["ID"])
