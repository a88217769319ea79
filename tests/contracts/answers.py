"""Requests and what their answers are made of: status, and the keys that we read, as patterns."""

from typing import Any

from tests.contracts.stage import Case

UNKNOWN = "00000000-0000-4000-8000-000000000000"


class Answer(Case):
    """A request to a service, and what its answer is made of."""

    service: str
    path: str
    method: str = "GET"
    sent: dict[str, Any] | None = None
    status: int
    at: tuple[str, ...] = ()
    """The keys that lead to the object looked at; a list's first item is taken."""
    keys: dict[str, str]
    """Keys that must be there, each with a regular expression for the whole of its value."""


ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
BARE_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
USAGE_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"
NUMBER = r"-?\d+"

READS = (
    Answer(
        name="image",
        service="image",
        path="/v2/images?name=api-iis-2026&status=active&limit=1",
        status=200,
        at=("images",),
        keys={
            "id": ID,
            "name": "api-iis-2026",
            "status": "active",
            "created_at": STAMP,
            "checksum": "[0-9a-f]{32}",
            "os_hash_algo": "sha512",
            "os_hash_value": "[0-9a-f]{128}",
        },
    ),
    Answer(
        name="next page of images",
        service="image",
        path="/v2/images?status=active&limit=1",
        status=200,
        keys={"next": r"/v2/images\?.*marker=.*"},
    ),
    Answer(
        name="image that is not hidden",
        service="image",
        path="/v2/images?os_hidden=false&name=api-iis-2026",
        status=200,
        at=("images",),
        keys={"os_hidden": "False", "size": NUMBER, "disk_format": ".+", "container_format": ".+"},
    ),
    Answer(
        name="flavour",
        service="compute",
        path="/flavors/detail?limit=1",
        status=200,
        at=("flavors",),
        keys={"id": ".+", "name": ".+", "vcpus": NUMBER, "ram": NUMBER},
    ),
    Answer(
        name="limits",
        service="compute",
        path="/limits",
        status=200,
        at=("limits", "absolute"),
        keys={
            "maxTotalInstances": NUMBER,
            "maxTotalCores": NUMBER,
            "maxTotalRAMSize": NUMBER,
            "totalInstancesUsed": NUMBER,
            "totalCoresUsed": NUMBER,
            "totalRAMUsed": NUMBER,
        },
    ),
    Answer(
        name="key pair",
        service="compute",
        path="/os-keypairs/springtide",
        status=200,
        at=("keypair",),
        keys={"name": "springtide"},
    ),
    Answer(
        name="network",
        service="network",
        path="/v2.0/networks?name=vrack",
        status=200,
        at=("networks",),
        keys={"id": ID, "name": "vrack", "subnets": ".+"},
    ),
    Answer(
        name="subnet",
        service="network",
        path="/v2.0/subnets?name=vrack-api",
        status=200,
        at=("subnets",),
        keys={"id": ID, "name": "vrack-api", "network_id": ID},
    ),
    Answer(
        name="security group",
        service="network",
        path="/v2.0/security-groups?name=api",
        status=200,
        at=("security_groups",),
        keys={"id": ID, "name": "api"},
    ),
    Answer(
        name="pool",
        service="load-balancer",
        path="/v2/lbaas/pools?name=api-gra11",
        status=200,
        at=("pools",),
        keys={"id": ID, "name": "api-gra11", "provisioning_status": "ACTIVE"},
    ),
    Answer(
        name="load balancer of a pool",
        service="load-balancer",
        path="/v2/lbaas/pools?name=api-gra11",
        status=200,
        at=("pools", "loadbalancers"),
        keys={"id": ID},
    ),
)

REFUSALS = (
    Answer(
        name="compute 404",
        service="compute",
        path=f"/servers/{UNKNOWN}",
        status=404,
        at=("itemNotFound",),
        keys={"code": "404", "message": f"Instance {UNKNOWN} could not be found."},
    ),
    Answer(
        name="compute 400, a marker that is unknown",
        service="compute",
        path=f"/servers/detail?marker={UNKNOWN}",
        status=400,
        at=("badRequest",),
        keys={"code": "400", "message": rf"marker \[{UNKNOWN}\] not found"},
    ),
    Answer(
        name="compute 400, a limit that is none",
        service="compute",
        path="/servers/detail?limit=many",
        status=400,
        at=("badRequest",),
        keys={"code": "400", "message": "(?s)Invalid input for query parameters limit.*"},
    ),
    Answer(
        name="compute 400, a filter of a later version",
        service="compute",
        path="/servers/detail?colour=blue",
        status=400,
        at=("badRequest",),
        keys={"code": "400", "message": r"'colour' does not match any of the regexes: '\^_'"},
    ),
    Answer(
        name="compute 400, a body without networks",
        service="compute",
        path="/servers",
        method="POST",
        sent={"server": {"name": "a", "flavorRef": "b"}},
        status=400,
        at=("badRequest",),
        keys={"code": "400", "message": "(?s).*'networks' is a required property.*"},
    ),
    Answer(
        name="compute 403, what is an administrator's",
        service="compute",
        path="/os-availability-zone/detail",
        status=403,
        at=("forbidden",),
        keys={"code": "403", "message": "Policy doesn't allow .* to be performed."},
    ),
    Answer(
        name="compute 404, a key pair",
        service="compute",
        path="/os-keypairs/nobody",
        status=404,
        at=("itemNotFound",),
        keys={"code": "404", "message": ".*nobody.*"},
    ),
    Answer(
        name="compute 409, a key pair that is there",
        service="compute",
        path="/os-keypairs",
        method="POST",
        sent={
            "keypair": {
                "name": "springtide",
                "type": "ssh",
                "public_key": "ssh-ed25519 "
                "AAAAC3NzaC1lZDI1NTE5AAAAIPgxVQpDDXEBDQ6fAMkGkBmqlrUjFkcKjHTcEIDK2Wfb contract",
            }
        },
        status=409,
        at=("conflictingRequest",),
        keys={"code": "409", "message": "Key pair 'springtide' already exists."},
    ),
    Answer(
        name="network 404",
        service="network",
        path=f"/v2.0/ports/{UNKNOWN}",
        status=404,
        at=("NeutronError",),
        keys={
            "type": "PortNotFound",
            "message": f"Port {UNKNOWN} could not be found.",
            "detail": "",
        },
    ),
    Answer(
        name="network 404, a marker that is unknown",
        service="network",
        path=f"/v2.0/ports?limit=1&marker={UNKNOWN}",
        status=404,
        at=("NeutronError",),
        keys={"type": "PortNotFound", "message": f"Port {UNKNOWN} could not be found."},
    ),
    Answer(
        name="load-balancer 404, a pool",
        service="load-balancer",
        path=f"/v2/lbaas/pools/{UNKNOWN}/members",
        status=404,
        keys={"code": "404", "description": f"Pool {UNKNOWN} not found."},
    ),
    Answer(
        name="load-balancer 404, a member",
        service="load-balancer",
        path="/v2/lbaas/pools/{pool}/members/" + UNKNOWN,
        method="DELETE",
        status=404,
        keys={
            "faultcode": "Client",
            "faultstring": f"Member {UNKNOWN} not found.",
            "debuginfo": "None",
        },
    ),
    Answer(
        name="load-balancer 400, a member of too much weight",
        service="load-balancer",
        path="/v2/lbaas/pools/{pool}/members",
        method="PUT",
        sent={"members": [{"address": "127.61.15.1", "protocol_port": 80, "weight": 257}]},
        status=400,
        keys={"faultstring": "Invalid input for field/attribute weight.*", "faultcode": "Client"},
    ),
    Answer(
        name="load-balancer 404, a load balancer",
        service="load-balancer",
        path=f"/v2/lbaas/loadbalancers/{UNKNOWN}",
        status=404,
        keys={"faultcode": "Client", "faultstring": f"Load Balancer {UNKNOWN} not found."},
    ),
    Answer(
        name="image 404",
        service="image",
        path=f"/v2/images/{UNKNOWN}",
        status=404,
        keys={"code": "404 Not Found", "title": "Not Found", "message": f"(?s).*{UNKNOWN}.*"},
    ),
    Answer(
        name="image 404, to be deleted",
        service="image",
        path=f"/v2/images/{UNKNOWN}",
        method="DELETE",
        status=404,
        keys={"code": "404 Not Found", "title": "Not Found"},
    ),
    Answer(
        name="image 400, a marker that is unknown",
        service="image",
        path=f"/v2/images?marker={UNKNOWN}",
        status=400,
        keys={"code": "400 Bad Request", "title": "Bad Request"},
    ),
    Answer(
        name="load-balancer 400, a marker that is unknown",
        service="load-balancer",
        path=f"/v2/lbaas/pools?limit=1&marker={UNKNOWN}",
        status=400,
        keys={
            "faultcode": "Client",
            "faultstring": f"Supplied pagination marker '{UNKNOWN}' is not valid.",
        },
    ),
)
