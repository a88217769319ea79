"""What the cloud says before an evening or a surge, and what is found of it."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from springtide.model.base import Model, Moment
from springtide.model.snapshot import Image


class Check(StrEnum):
    """What is looked at, in the order in which it is told."""

    CREDENTIALS = "credentials"
    EXPIRY = "credential expiry"
    ANSWER = "answer"
    CLOCK = "clock"
    IMAGE = "image"
    FLAVOUR = "flavour"
    KEY_PAIR = "key pair"
    SECURITY_GROUPS = "security groups"
    NETWORK = "network"
    ALLOCATION_POOLS = "allocation pools"
    POOL = "pool"
    BALANCER = "balancer"
    SURGE = "full surge"
    INSTANCES = "instances"
    CORES = "cores"
    RAM = "RAM in MiB"
    PORTS = "ports"
    ADDRESSES = "addresses"
    MEMBERS = "members"


class Readiness(StrEnum):
    """How it stands with one check."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Finding(Model):
    """What one check found."""

    check: Check
    region: str | None = None
    """None: it is about the whole cloud or the whole fleet."""
    verdict: Readiness
    detail: str


class Trouble(Model):
    """Why one check could not be made."""

    check: Check
    detail: str


class Quota(Model):
    """What is granted of one resource, and what anybody uses of it."""

    limit: int | None
    """None: without limit."""
    used: int = 0

    @property
    def left(self) -> int | None:
        """What is left of it; None: without limit."""
        return None if self.limit is None else max(0, self.limit - self.used)


class FlavourSize(Model):
    """What one server takes."""

    vcpus: int
    ram_mib: int


class AddressRange(Model):
    """Addresses that a subnet gives out, both ends inclusive."""

    first: IPv4Address
    last: IPv4Address

    @property
    def addresses(self) -> int:
        """How many they are."""
        return int(self.last) - int(self.first) + 1

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.first} to {self.last}"

    def overlaps(self, other: "AddressRange") -> bool:
        """Whether an address is in both."""
        return self.first <= other.last and other.first <= self.last


class Subnet(Model):
    """A subnet of the servers' network, in one region."""

    name: str
    cidr: IPv4Network
    pools: tuple[AddressRange, ...]


class Balancer(Model):
    """The load balancer of the fleet's pool."""

    id: str
    provisioning_status: str
    """Only an `ACTIVE` one takes members."""


class ServiceClock(Model):
    """One service's clock beside ours."""

    service: str
    offset_s: float
    """How far it is ahead of ours, in seconds; it tells whole seconds only."""


class RegionReport(Model):
    """What one region says; what is None is not known, and `troubles` says why."""

    region: str
    troubles: tuple[Trouble, ...] = ()
    passed: frozenset[Check] = frozenset()
    """Checks that were made, and found what the estate names."""
    clocks: tuple[ServiceClock, ...] = ()
    image: Image | None = None
    flavour: FlavourSize | None = None
    subnets: tuple[Subnet, ...] | None = None
    """IPv4 subnets of the servers' network."""
    balancer: Balancer | None = None
    servers: int | None = None
    """Servers of the fleet that stand there: they have taken their part of the quotas."""
    instances: Quota | None = None
    cores: Quota | None = None
    ram_mib: Quota | None = None
    ports: Quota | None = None
    addresses: Quota | None = None
    members: Quota | None = None


class CredentialReport(Model):
    """What the identity service says of the credentials."""

    refused: str | None = None
    """Why they do not work; None: they do."""
    application: bool = False
    """Whether they are an application credential; else they are a user's password."""
    expires_at: Moment | None = None
    unread: str | None = None
    """Why its expiry is not known."""
    offset_s: float | None = None
    """How far the identity service's clock is ahead of ours, in seconds."""


class CloudReport(Model):
    """All that was looked at, at one moment."""

    at: Moment
    credential: CredentialReport
    regions: tuple[RegionReport, ...] = ()
