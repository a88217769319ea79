"""One region's state, and what a fresh one holds: network, images, key pair, security groups."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from springtide.sandbox.config import SandboxQuota, SandboxRegion
from springtide.sandbox.protocol import stamp
from springtide.sandbox.records import Document, Server

PRIVATE_NETWORK = "vrack"
KEY_PAIR = "springtide"
SECURITY_GROUPS = ("default", "api")
FIRST_DAY = datetime(2026, 1, 1, 8, tzinfo=UTC)


@dataclass(slots=True)
class RegionState:
    """Everything that exists in one region. Documents are as their service's API shows them."""

    config: SandboxRegion
    project_id: str
    user_id: str
    quota: SandboxQuota
    capacity_servers: int | None
    """Servers that really fit; None: as many as the quota allows."""
    servers: dict[str, Server] = field(default_factory=dict)
    """Those that exist, ERROR and leaving ones too, oldest first."""
    deleted_servers: dict[str, Server] = field(default_factory=dict)
    server_groups: dict[str, Document] = field(default_factory=dict)
    key_pairs: dict[str, Document] = field(default_factory=dict)
    images: dict[str, Document] = field(default_factory=dict)
    image_contents: dict[str, bytes] = field(default_factory=dict)
    networks: dict[str, Document] = field(default_factory=dict)
    subnets: dict[str, Document] = field(default_factory=dict)
    ports: dict[str, Document] = field(default_factory=dict)
    security_groups: dict[str, Document] = field(default_factory=dict)
    last_address: int = 0
    """The address given out last, as a number: the next one is looked for above it."""

    @property
    def name(self) -> str:
        """The region's name."""
        return self.config.name


def fresh_region(config: SandboxRegion, *, project_id: str, user_id: str) -> RegionState:
    """A region without servers: its images, its private network, a key pair, security groups.

    Identifiers follow from the names, so that they are the same in every run.
    """
    region = RegionState(
        config, project_id, user_id, quota=config.quota, capacity_servers=config.capacity_servers
    )
    region.key_pairs[KEY_PAIR] = key_pair(KEY_PAIR, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 sandbox")
    common = {
        "created_at": stamp(FIRST_DAY),
        "updated_at": stamp(FIRST_DAY),
        "project_id": project_id,
        "tenant_id": project_id,
    }
    for day, name in enumerate(config.images):
        image = _image(config.name, name, created_at=stamp(FIRST_DAY + timedelta(days=day)))
        region.images[image["id"]] = image | {"owner": project_id}
        region.image_contents[image["id"]] = name.encode()
    for name in SECURITY_GROUPS:
        group = _group(config.name, name)
        region.security_groups[group["id"]] = group | common
    network, subnet = _network(config.name), _subnet(config)
    region.networks[network["id"]] = network | common
    region.subnets[subnet["id"]] = subnet | common
    return region


def key_pair(name: str, public_key: str) -> Document:
    """A key pair as Nova shows it."""
    digest = hashlib.md5(public_key.encode(), usedforsecurity=False).hexdigest()
    fingerprint = ":".join(digest[i : i + 2] for i in range(0, 32, 2))
    return {"name": name, "public_key": public_key, "fingerprint": fingerprint, "type": "ssh"}


def content_fields(content: bytes) -> Document:
    """The fields by which Glance says what an image consists of."""
    return {
        "size": len(content),
        "checksum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(content).hexdigest(),
    }


def _id(region: str, kind: str, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{region}/{kind}/{name}"))


def _image(region: str, name: str, *, created_at: str) -> Document:
    return {
        "id": _id(region, "image", name),
        "name": name,
        "status": "active",
        "visibility": "private",
        "protected": False,
        "os_hidden": False,
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": 0,
        "min_ram": 0,
        "virtual_size": 53_687_091_200,
        "created_at": created_at,
        "updated_at": created_at,
        "tags": [],
        **content_fields(name.encode()),
    }


def _group(region: str, name: str) -> Document:
    return {
        "id": _id(region, "security-group", name),
        "name": name,
        "description": "",
        "stateful": True,
        "shared": False,
        "revision_number": 1,
        "security_group_rules": [],
        "tags": [],
    }


def _network(region: str) -> Document:
    return {
        "id": _id(region, "network", PRIVATE_NETWORK),
        "name": PRIVATE_NETWORK,
        "admin_state_up": True,
        "availability_zone_hints": [],
        "availability_zones": ["nova"],
        "description": "",
        "mtu": 1500,
        "port_security_enabled": True,
        "revision_number": 1,
        "router:external": False,
        "shared": True,
        "status": "ACTIVE",
        "subnets": [_id(region, "subnet", PRIVATE_NETWORK)],
        "tags": [],
    }


def _subnet(config: SandboxRegion) -> Document:
    first, last = config.cidr[2], config.cidr[-2]
    return {
        "id": _id(config.name, "subnet", PRIVATE_NETWORK),
        "name": config.subnet,
        "network_id": _id(config.name, "network", PRIVATE_NETWORK),
        "cidr": str(config.cidr),
        "ip_version": 4,
        "allocation_pools": [{"start": str(first), "end": str(last)}],
        "description": "",
        "dns_nameservers": [],
        "enable_dhcp": True,
        "gateway_ip": None,
        "host_routes": [],
        "ipv6_address_mode": None,
        "ipv6_ra_mode": None,
        "revision_number": 1,
        "service_types": [],
        "tags": [],
    }
