"""What the sandbox remembers of servers: what was asked for, and what became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from springtide.sandbox.faults import ServerBehaviour

NO_VALID_HOST = "No valid host was found. "
"""The fault of servers that the scheduler found no host for, in Nova's own words."""

Document: TypeAlias = dict[str, Any]
"""A JSON object as an API shows it."""


@dataclass(frozen=True, slots=True)
class ServerUp:
    """A server that has become ACTIVE, as the data plane needs to know it."""

    server_id: str
    region: str
    name: str
    address: str
    port: int
    answer_after_s: float
    """From now to the first answer of its health page, in seconds."""
    never_answers: bool
    health_status: int
    health_delay_s: float


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size of server."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int


@dataclass(frozen=True, slots=True)
class Launch:
    """What one create asks for; several servers of it differ in name and identifier only."""

    name: str
    flavor: Flavor
    image_id: str | None
    network_ids: tuple[str, ...]
    zone: str | None = None
    key_name: str | None = None
    description: str | None = None
    user_data: str | None = None
    config_drive: bool = False
    security_groups: tuple[str, ...] = ("default",)
    group_id: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerAction:
    """One thing that was done to a server, as os-instance-actions lists it."""

    action: str
    request_id: str
    at: datetime


@dataclass(slots=True)
class Server:
    """One server: what was asked for, and where it is in its life.

    `vm_state`: building → active ⇄ stopped; building | active | stopped → error; any → deleted.
    """

    id: str
    name: str
    region: str
    flavor: Flavor
    image_id: str | None
    zone: str | None
    """The zone of its host, or of the last that was tried, else the one that was asked for."""
    created: datetime
    updated: datetime
    reservation_id: str
    requested_zone: str | None = None
    key_name: str | None = None
    description: str | None = None
    user_data: str | None = None
    config_drive: bool = False
    security_groups: tuple[str, ...] = ()
    network_ids: tuple[str, ...] = ()
    group_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    behaviour: ServerBehaviour = field(default_factory=ServerBehaviour)
    vm_state: str = "building"
    task_state: str | None = "scheduling"
    host: str | None = None
    port_ids: list[str] = field(default_factory=list)
    fault: Document | None = None
    locked: bool = False
    launched_at: datetime | None = None
    terminated_at: datetime | None = None
    actions: list[ServerAction] = field(default_factory=list)

    @property
    def status(self) -> str:
        """What Nova calls the server's status."""
        if self.vm_state == "active" and self.task_state in {"rebooting", "rebooting_hard"}:
            return "REBOOT"
        return _STATUS[self.vm_state]

    @property
    def power_state(self) -> int:
        """Nova's power state: 0 no state, 1 running, 4 shut down."""
        return {"active": 1, "stopped": 4}.get(self.vm_state, 0)


_STATUS = {
    "building": "BUILD",
    "active": "ACTIVE",
    "stopped": "SHUTOFF",
    "error": "ERROR",
    "deleted": "DELETED",
}
