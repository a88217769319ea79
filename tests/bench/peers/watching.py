"""The judge: the same one for every contestant, with a token of its own and past the front door.

One listing each half second. A tool's own word for "done" is not taken: the command line's `--wait`
looks after the first server alone, for instance.
"""

from dataclasses import dataclass
from typing import Any, Self

import httpx
import yaml

from tests.bench.peers.ground import PREFIX, Ground

LIMIT = 1000
_ANSWER_S = 60.0


@dataclass(frozen=True)
class Seen:
    """What one look found."""

    servers: int
    """Servers that are as wanted: ACTIVE in an opening, of whatever status in a closing."""
    members: int | None = None
    """Members that the balancer has taken, or has still got; None: not looked at yet."""


class Watcher:
    """Looks at one region's servers and at its pool's members."""

    def __init__(self, http: httpx.Client, *, compute: str, balancing: str, pool: str) -> None:
        """Prefer `on`: it finds the endpoints."""
        self._http = http
        self._compute = compute
        self.balancing = balancing
        """Where the balancer's API is."""
        self.pool_id = str(
            self._listed(f"{balancing}/v2.0/lbaas/pools", "pools", name=pool)[0]["id"]
        )
        self._members_url = f"{balancing}/v2.0/lbaas/pools/{self.pool_id}/members"

    @classmethod
    def on(cls, ground: Ground) -> Self:
        """A watcher with a fresh token.

        Raises:
            LookupError: the catalogue lacks a service in the region, or the pool is not there.
            httpx.HTTPStatusError: the cloud refuses.
        """
        http = httpx.Client(timeout=_ANSWER_S, trust_env=False)
        catalog = sign_in(http, ground)
        return cls(
            http,
            compute=endpoint(catalog, "compute", ground.region),
            balancing=endpoint(catalog, "load-balancer", ground.region),
            pool=ground.pool,
        )

    def opening(self, wanted: int) -> Seen:
        """How many servers are ACTIVE; once that is all that are wanted, the joined members too."""
        active = len(self._servers(status="ACTIVE"))
        if active < wanted:
            return Seen(active)
        members = self._members()
        return Seen(active, sum(m["provisioning_status"] == "ACTIVE" for m in members))

    def closing(self) -> Seen:
        """How many servers are left; once there are none, how many members."""
        servers = len(self._servers())
        return Seen(servers) if servers else Seen(0, len(self._members()))

    def left(self) -> tuple[list[str], list[str]]:
        """Ids of all contestants' servers and of all members."""
        servers, members = self._servers(), self._members()
        return [one["id"] for one in servers], [one["id"] for one in members]

    def faults(self) -> list[str]:
        """What Nova says of the servers that failed."""
        failed = self._listed(f"{self._compute}/servers/detail", "servers", status="ERROR")
        return [str(one.get("fault", {}).get("message", "ERROR")) for one in failed]

    def remove(self) -> None:
        """Ask for every contestant's server and every member to be deleted."""
        servers, members = self.left()
        for server_id in servers:
            self._http.delete(f"{self._compute}/servers/{server_id}")
        if members:
            self._http.put(self._members_url, json={"members": []})

    def _servers(self, **filters: str) -> list[dict[str, Any]]:
        return self._listed(f"{self._compute}/servers", "servers", **filters)

    def _members(self) -> list[dict[str, Any]]:
        return self._listed(self._members_url, "members")

    def _listed(self, url: str, key: str, **query: str) -> list[dict[str, Any]]:
        if key == "servers":
            query |= {"name": f"^{PREFIX}", "limit": str(LIMIT)}
        answer = self._http.get(url, params=query).raise_for_status()
        found: list[dict[str, Any]] = answer.json()[key]
        return found


def sign_in(http: httpx.Client, ground: Ground) -> list[dict[str, Any]]:
    """The catalogue, by the password in clouds.yaml; `http` then sends the token.

    Raises:
        httpx.HTTPStatusError: Keystone refuses the password.
    """
    known = yaml.safe_load(ground.clouds_yaml.read_text("utf-8"))["clouds"][ground.cloud]["auth"]
    domains = {
        kind: {key: known[f"{kind}_domain_{key}"]}
        for kind in ("user", "project")
        for key in ("id", "name")
        if f"{kind}_domain_{key}" in known
    }
    user = {"name": known["username"], "password": known["password"], "domain": domains["user"]}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"name": known["project_name"], "domain": domains["project"]}}
    url = f"{known['auth_url'].removesuffix('/v3')}/v3/auth/tokens"
    answer = http.post(url, json={"auth": {"identity": identity, "scope": scope}})
    answer.raise_for_status()
    http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
    catalog: list[dict[str, Any]] = answer.json()["token"]["catalog"]
    return catalog


def endpoint(
    catalog: list[dict[str, Any]], kind: str, region: str, *, interface: str = "internal"
) -> str:
    """Address of a service in a region, the public one where the other is not given.

    Raises:
        LookupError: the region has no such service.
    """
    found = {
        known["interface"]: str(known["url"]).rstrip("/")
        for service in catalog
        if service["type"] == kind
        for known in service["endpoints"]
        if known["region"] == region
    }
    if not found:
        raise LookupError(f"the catalogue has no {kind} in {region}")
    return found.get(interface) or found["public"]
