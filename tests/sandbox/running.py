"""Builders for tests that speak to a running sandbox."""

from ipaddress import IPv4Network
from typing import Any

import httpx

from springtide.sandbox.config import BootTime, SandboxConfig, SandboxQuota, SandboxRegion
from springtide.sandbox.process import Sandbox
from tests.waiting import wait_until

SMALL_QUOTA = SandboxQuota(instances=20, cores=64, ram_mib=20 * 7168, ports=20)


def a_config(**changes: object) -> SandboxConfig:
    """Two regions, GRA11 with room for 20 servers; boots take a twentieth of a second."""
    settings: dict[str, Any] = {
        "regions": (
            SandboxRegion(name="GRA11", quota=SMALL_QUOTA, cidr=IPv4Network("127.31.0.0/24")),
            SandboxRegion(name="SBG5", cidr=IPv4Network("127.32.0.0/20"), zones=("az1", "az2")),
        ),
        "boot": BootTime(least_s=0.05, most_s=0.05, answer_s=0.0),
        "speed": 10.0,
        "data_plane": False,
    }
    return SandboxConfig.model_validate(settings | changes)


class Api:
    """A client of one region, with a token of its own."""

    def __init__(self, sandbox: Sandbox, region: str = "GRA11") -> None:
        """Authenticate with the password."""
        self.sandbox = sandbox
        self.region = region
        self.http = httpx.Client(base_url=sandbox.url, timeout=30)
        answer = self.http.post("/identity/v3/auth/tokens", json=password_auth())
        self.http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    def compute(
        self, method: str, path: str, body: object = None, *, version: str = "2.96"
    ) -> httpx.Response:
        """The answer of the compute service at a microversion."""
        headers = {"OpenStack-API-Version": f"compute {version}"}
        url = f"/{self.region}/compute/v2.1{path}"
        return self.http.request(method, url, json=body, headers=headers)

    def image(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer of the image service; a body of bytes is an image's content."""
        url = f"/{self.region}/image{path}"
        if isinstance(body, bytes):
            headers = {"Content-Type": "application/octet-stream"}
            return self.http.request(method, url, content=body, headers=headers)
        patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        return self.http.request(method, url, json=body, headers=patch if method == "PATCH" else {})

    def network(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer of the network service."""
        return self.http.request(method, f"/{self.region}/network{path}", json=body)

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer of the admin API."""
        return self.http.request(method, f"/admin{path}", json=body)

    def body(self, **changes: object) -> dict[str, Any]:
        """The body of a create that the region accepts, with changes; None takes a field out."""
        server = {
            "name": "api",
            "flavorRef": "b2-7",
            "imageRef": self.image("GET", "/v2/images").json()["images"][0]["id"],
            "networks": [{"uuid": self.network_id}],
        }
        asked = server | changes
        return {"server": {name: value for name, value in asked.items() if value is not None}}

    @property
    def network_id(self) -> str:
        """The private network's identifier."""
        found: str = self.network("GET", "/v2.0/networks").json()["networks"][0]["id"]
        return found

    def create(self, **changes: object) -> httpx.Response:
        """The answer to a create."""
        return self.compute("POST", "/servers", self.body(**changes))

    def servers(self, query: str = "") -> list[dict[str, Any]]:
        """The servers of a detailed listing, the newest first."""
        found: list[dict[str, Any]] = self.compute("GET", f"/servers/detail{query}").json()[
            "servers"
        ]
        return found

    def statuses(self, query: str = "") -> list[str]:
        """Their statuses."""
        return [server["status"] for server in self.servers(query)]

    def running(self, count: int = 1, **changes: object) -> list[dict[str, Any]]:
        """So many new servers, ACTIVE, in the order of their names."""
        name = changes.get("name", "api")
        self.create(min_count=count, max_count=count, **changes).raise_for_status()
        wait_until(lambda: self.statuses(f"?name=^{name}") == ["ACTIVE"] * count)
        return sorted(self.servers(f"?name=^{name}"), key=lambda server: str(server["name"]))


def password_auth(**changes: str) -> dict[str, Any]:
    """The body of a request for a token by password."""
    user = {"name": "springtide", "password": "rehearsal", **changes}
    identity = {"methods": ["password"], "password": {"user": user | {"domain": {"id": "default"}}}}
    scope = {"project": {"name": "springtide", "domain": {"id": "default"}}}
    return {"auth": {"identity": identity, "scope": scope}}
