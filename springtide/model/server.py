"""What is observed of a server and of its membership, and the phases between them."""

from enum import StrEnum

from springtide.model.base import Model, Moment

# How a server lives. Nothing of it is stored: each round derives the phase from Nova's status,
# the balancer's membership and the health probe.
#
#   (planned) → BUILDING → ACTIVE → ANSWERING → SERVING → DRAINING → LEAVING → (gone)
#                   │         │                    │
#                   └─────────┴───────→ FAILED ←───┘        FAILED → LEAVING → (gone)


class Phase(StrEnum):
    """Where a server stands in its life."""

    BUILDING = "building"
    """Nova accepted it and it is not ACTIVE yet. Costs nothing."""
    ACTIVE = "active"
    """Nova says ACTIVE; it does not answer its health check yet."""
    ANSWERING = "answering"
    """It answers, and is not (or not yet wholly) a member of its pool."""
    SERVING = "serving"
    """It is a member with a weight above 0."""
    DRAINING = "draining"
    """It is a member with weight 0: running requests end, no new ones come."""
    LEAVING = "leaving"
    """Nova is deleting it."""
    FAILED = "failed"
    """It is in ERROR, stopped, past the deadline of its phase, or sick: it counts no more."""


class HealthMark(Model):
    """What earlier looks have written on a server: how often its checks have failed in a row."""

    failed: int
    at: Moment
    """When the last check that counts was made."""


class Server(Model):
    """A server of ours, as Nova tells it."""

    id: str
    name: str
    region: str
    status: str
    """Nova's status: BUILD, ACTIVE, ERROR, SHUTOFF, DELETED …"""
    task_state: str | None = None
    address: str | None = None
    """Its address on the fleet's network, once it has one."""
    image_id: str
    flavour: str = ""
    zone: str | None = None
    wave: str | None = None
    """Tag of the multi-create call that made it."""
    created_at: Moment
    updated_at: Moment | None = None
    """When Nova last changed it: the beginning of a deletion, where it is being deleted."""
    launched_at: Moment | None = None
    """When it first became ACTIVE: paid hours count from here."""
    fault: str | None = None
    """Nova's message where status is ERROR."""
    health: HealthMark | None = None
    """What earlier checks have left in its metadata; None: nothing."""
    rebooted_at: Moment | None = None
    """When healing rebooted it, from its metadata; None: never."""
    held_until: Moment | None = None
    """Until when a person holds it, from its tag; None: nobody does."""
    held_by: str = ""
    """Who holds it and why, from its metadata."""

    def held_at(self, now: Moment) -> bool:
        """Whether a person's hold keeps healing and scale-in away from it at `now`."""
        return self.held_until is not None and now < self.held_until

    @property
    def no_valid_host(self) -> bool:
        """Whether it is in ERROR because no host had room, or none of those that were tried."""
        fault = (self.fault or "").lower()
        lacking = "no valid host" in fault or "exceeded maximum number of retries" in fault
        return self.status == "ERROR" and lacking


class Member(Model):
    """A member of a balancer pool."""

    id: str
    address: str
    port: int
    weight: int
    name: str = ""
    ours: bool
    """Whether it carries this fleet's tag; others are never touched."""
    server_id: str | None = None
    """The server that it was made for, from its tag."""
    draining_since: Moment | None = None
    """When its weight was set to 0, from its tag, else from its last update."""
    provisioning_status: str = "ACTIVE"
    operating_status: str = "NO_MONITOR"
    created_at: Moment | None = None
    drained_by_us: bool = False
    """Whether our own tag says so: a weight that a person set to 0 is not given back."""

    @property
    def well(self) -> bool:
        """Whether its balancer takes it for healthy, or checks nobody."""
        return self.operating_status in ("ONLINE", "NO_MONITOR")
