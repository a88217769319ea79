"""A program: the floor, a client that knows no doubt and no failure.

One token; then what changes something, and one listing a second. Ids are given to it, no check is
made, nothing is tried twice. `python -m … <ground file> open|close <servers> <servers a POST>`
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.bench.peers.ground import PREFIX, Ground
from tests.bench.peers.watching import LIMIT, endpoint, sign_in

_THREADS = 10
_POLL_S = 1.0
_PATIENCE_S = 3600.0
_MICROVERSION = {"OpenStack-API-Version": "compute 2.79"}


class Floor:
    """A bare client of one region."""

    def __init__(self, ground: Ground) -> None:
        """Fetch the token."""
        self._http = httpx.Client(timeout=120, trust_env=False)
        catalog = sign_in(self._http, ground)
        self._compute, balancing = (
            endpoint(catalog, kind, ground.region, interface="public")
            for kind in ("compute", "load-balancer")
        )
        lbaas = f"{balancing}/v2.0/lbaas"
        self._members = f"{lbaas}/pools/{ground.ids['pool']}/members"
        self._balancer = f"{lbaas}/loadbalancers/{ground.ids['balancer']}"
        self._ground = ground
        self._ends = time.monotonic() + _PATIENCE_S

    def open(self, servers: int, wave_servers: int) -> None:
        """Return when that many servers are ACTIVE and members that the balancer has taken."""
        waves = [min(wave_servers, servers - n) for n in range(0, servers, wave_servers)]
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._create, waves))
        active = self._active()
        while len(active) < servers:
            self._pause()
            active = self._active()
        settings = {"protocol_port": self._ground.port, "subnet_id": self._ground.ids["subnet"]}
        members = [{"address": _address(server), **settings} for server in active]
        self._put(members, {"additive_only": "true"})
        while self._get(self._balancer)["loadbalancer"]["provisioning_status"] != "ACTIVE":
            self._pause()

    def close(self) -> None:
        """Return when no server and no member is left."""
        servers = self._servers()
        self._put([], {})
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._delete, servers))
        while self._servers():
            self._pause()
        while self._get(self._balancer)["loadbalancer"]["provisioning_status"] != "ACTIVE":
            self._pause()

    def _create(self, count: int) -> None:
        ids = self._ground.ids
        server = {
            "name": PREFIX,
            "imageRef": ids["image"],
            "flavorRef": ids["flavour"],
            "networks": [{"uuid": ids["network"]}],
            "security_groups": [{"name": self._ground.security_group}],
            "key_name": self._ground.key_pair,
            "min_count": count,
            "max_count": count,
        }
        path = f"{self._compute}/servers"
        answer = self._http.post(path, json={"server": server}, headers=_MICROVERSION)
        answer.raise_for_status()

    def _active(self) -> list[dict[str, Any]]:
        found = self._servers("/detail")
        return [server for server in found if server["status"] == "ACTIVE"]

    def _servers(self, more: str = "") -> list[dict[str, Any]]:
        query = {"name": f"^{PREFIX}", "limit": str(LIMIT)}
        found: list[dict[str, Any]] = self._get(f"{self._compute}/servers{more}", **query)[
            "servers"
        ]
        return found

    def _put(self, members: list[dict[str, Any]], query: dict[str, str]) -> None:
        answer = self._http.put(self._members, params=query, json={"members": members})
        answer.raise_for_status()

    def _delete(self, server: dict[str, Any]) -> None:
        self._http.delete(f"{self._compute}/servers/{server['id']}").raise_for_status()

    def _get(self, url: str, **query: str) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(url, params=query).raise_for_status().json()
        return found

    def _pause(self) -> None:
        if time.monotonic() > self._ends:
            raise TimeoutError(f"not done after {_PATIENCE_S} s")
        time.sleep(_POLL_S)


def _address(server: dict[str, Any]) -> str:
    return next(str(port["addr"]) for ports in server["addresses"].values() for port in ports)


if __name__ == "__main__":
    client = Floor(Ground.model_validate(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
    if sys.argv[2] == "open":
        client.open(int(sys.argv[3]), int(sys.argv[4]))
    else:
        client.close()
