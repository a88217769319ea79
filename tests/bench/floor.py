"""The cloud's own time: the least that a bare client needs, which knows no doubt and no failure.

No look before the launch, no headroom, no health check, no audit, nothing tried twice: POSTs at the
provider's rate limit, then one listing in each region until all are ACTIVE, one batch PUT for each
pool, and the balancer's status until it has taken it. Names are looked up before the clock starts.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from springtide.planning.spread import waves
from tests.bench.stage import PROVIDERS_LIMIT, Stage

_THREADS = 10
_BURST = 16
"""POSTs that go out at once; the rest of the provider's bucket is for the listing after them."""
_POLL_S = 0.25
_PATIENCE_S = 900.0
_TAG = "springtide:fleet:api"


@dataclass(frozen=True)
class _Region:
    """A bare client of one region, with the ids that a launch needs."""

    http: httpx.Client
    base: str
    image: str
    flavor: str
    network: str
    subnet: str
    pool: str
    balancer: str

    def create(self, count: int) -> None:
        """One POST for so many servers."""
        body = {
            "name": "bare",
            "imageRef": self.image,
            "flavorRef": self.flavor,
            "networks": [{"uuid": self.network}],
            "min_count": count,
            "max_count": count,
            "tags": [_TAG],
        }
        headers = {"OpenStack-API-Version": "compute 2.79"}
        path = f"{self.base}/compute/v2.1/servers"
        self.http.post(path, json={"server": body}, headers=headers).raise_for_status()

    def addresses(self) -> list[str]:
        """Addresses of the servers that are ACTIVE."""
        path = f"{self.base}/compute/v2.1/servers/detail"
        found = self.http.get(path, params={"limit": 1000}).raise_for_status().json()["servers"]
        active = (server for server in found if server["status"] == "ACTIVE")
        return [address[0]["addr"] for server in active for address in server["addresses"].values()]

    def join(self, addresses: list[str], port: int) -> None:
        """One batch PUT; returns when the balancer has taken it."""
        root = f"{self.base}/load-balancer/v2.0/lbaas"
        settings = {"protocol_port": port, "subnet_id": self.subnet}
        body = {"members": [{"address": address, **settings} for address in addresses]}
        path = f"{root}/pools/{self.pool}/members?additive_only=true"
        self.http.put(path, json=body).raise_for_status()
        path = f"{root}/loadbalancers/{self.balancer}"
        while self._json(path)["loadbalancer"]["provisioning_status"] != "ACTIVE":
            time.sleep(_POLL_S)

    def _json(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(path).raise_for_status().json()
        return found


def newest_images(stage: Stage) -> dict[str, str]:
    """Id of the image that a launch would choose, by region."""
    with _client(stage) as http:
        return {name: _newest_image(http, name) for name in stage.terms.region_names}


def longest_boot_s(stage: Stage) -> float:
    """Whole seconds from a server's accepted create to ACTIVE, of the slowest that stands."""
    with _client(stage) as http:
        found = [
            server
            for name in stage.terms.region_names
            for server in http.get(f"/{name}/compute/v2.1/servers/detail").json()["servers"]
        ]
    boots = (_moment(s["OS-SRV-USG:launched_at"]) - _moment(s["created"]) for s in found)
    return float(int(max(boots).total_seconds()))


def bare_seconds(stage: Stage, servers: int, *, wave_servers: int) -> float:
    """Seconds from the first POST until all are members that the balancer has taken.

    `wave_servers` is how many each POST asks for; 1: a POST for each server.
    """
    names = stage.terms.region_names
    shares = [len(range(index, servers, len(names))) for index in range(len(names))]
    with _client(stage) as http, ThreadPoolExecutor(max_workers=len(names)) as pool:
        regions = [_region(http, stage, name) for name in names]
        began = time.monotonic()
        ending = [
            pool.submit(_open, region, share, wave_servers, stage.server_port)
            for region, share in zip(regions, shares, strict=True)
        ]
        for each in ending:
            each.result()
        return time.monotonic() - began


def _open(region: _Region, servers: int, wave_servers: int, port: int) -> None:
    began = time.monotonic()

    def paced(numbered: tuple[int, int]) -> None:
        number, count = numbered
        due_s = max(0, number - _BURST) / PROVIDERS_LIMIT
        time.sleep(max(0.0, began + due_s - time.monotonic()))
        region.create(count)

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        list(pool.map(paced, enumerate(waves(servers, wave_servers))))
    while len(addresses := region.addresses()) < servers:
        if time.monotonic() - began > _PATIENCE_S:
            raise RuntimeError(f"{len(addresses)} of {servers} are ACTIVE after {_PATIENCE_S} s")
        time.sleep(_POLL_S)
    region.join(addresses, port)


@contextmanager
def _client(stage: Stage) -> Iterator[httpx.Client]:
    user = {"name": "springtide", "password": "rehearsal", "domain": {"id": "default"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"name": "springtide", "domain": {"id": "default"}}}
    body = {"auth": {"identity": identity, "scope": scope}}
    with httpx.Client(base_url=stage.url, timeout=30, trust_env=False) as http:
        answer = http.post("/identity/v3/auth/tokens", json=body).raise_for_status()
        http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        yield http


def _region(http: httpx.Client, stage: Stage, name: str) -> _Region:
    def first(path: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/{name}{path}").raise_for_status().json()[key][0]
        return found

    flavors = http.get(f"/{name}/compute/v2.1/flavors/detail").raise_for_status().json()["flavors"]
    wanted = stage.fleet_flavour
    return _Region(
        http=http,
        base=f"/{name}",
        image=_newest_image(http, name),
        flavor=next(flavor["id"] for flavor in flavors if flavor["name"] == wanted),
        network=first("/network/v2.0/networks", "networks")["id"],
        subnet=first("/network/v2.0/subnets", "subnets")["id"],
        pool=first("/load-balancer/v2.0/lbaas/pools", "pools")["id"],
        balancer=first("/load-balancer/v2.0/lbaas/loadbalancers", "loadbalancers")["id"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _newest_image(http: httpx.Client, region: str) -> str:
    found = http.get(f"/{region}/image/v2/images").raise_for_status().json()["images"]
    newest: str = max(found, key=lambda image: (image["created_at"], image["id"]))["id"]
    return newest
