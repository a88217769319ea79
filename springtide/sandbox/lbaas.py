"""What a client may set on each kind of LBaaS resource, with Octavia's own defaults and bounds."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, IPvAnyAddress, NonNegativeInt, PositiveInt, ValidationError

from springtide.model.base import Model
from springtide.sandbox.protocol import Refused

PortNumber = Annotated[int, Field(ge=1, le=65535)]
Weight = Annotated[int, Field(ge=0, le=256)]
Retries = Annotated[int, Field(ge=1, le=10)]
Protocol = Literal["HTTP", "HTTPS", "PROXY", "PROXYV2", "SCTP", "TCP", "TERMINATED_HTTPS", "UDP"]


class Settings(Model):
    """What every kind has."""

    fixed: ClassVar[frozenset[str]] = frozenset()
    """Settable at creation alone."""
    hidden: ClassVar[frozenset[str]] = frozenset()
    """Never shown under its own name: a relation shows it."""

    name: str = ""
    admin_state_up: bool = True
    tags: tuple[str, ...] = ()


class LoadBalancerSettings(Settings):
    """A load balancer."""

    fixed = frozenset(
        {
            "additional_vips",
            "availability_zone",
            "flavor_id",
            "provider",
            "vip_address",
            "vip_network_id",
            "vip_port_id",
            "vip_subnet_id",
        }
    )

    description: str = ""
    vip_address: IPvAnyAddress | None = None
    vip_network_id: str | None = None
    vip_port_id: str | None = None
    vip_subnet_id: str | None = None
    vip_qos_policy_id: str | None = None
    vip_sg_ids: tuple[str, ...] = ()
    additional_vips: tuple[dict[str, str], ...] = ()
    provider: str = "amphora"
    flavor_id: str | None = None
    availability_zone: str | None = None


class ListenerSettings(Settings):
    """A listener."""

    fixed = frozenset({"loadbalancer_id", "protocol", "protocol_port"})
    hidden = frozenset({"loadbalancer_id"})

    description: str = ""
    loadbalancer_id: str
    protocol: Protocol
    protocol_port: PortNumber
    default_pool_id: str | None = None
    connection_limit: Annotated[int, Field(ge=-1)] = -1
    insert_headers: dict[str, str] = Field(default_factory=dict)
    allowed_cidrs: tuple[str, ...] | None = None
    timeout_client_data: NonNegativeInt = 50_000
    timeout_member_connect: NonNegativeInt = 5_000
    timeout_member_data: NonNegativeInt = 50_000
    timeout_tcp_inspect: NonNegativeInt = 0


class PoolSettings(Settings):
    """A pool; it names the listener or the load balancer that it belongs to."""

    fixed = frozenset({"listener_id", "loadbalancer_id", "protocol"})
    hidden = frozenset({"listener_id", "loadbalancer_id"})

    description: str = ""
    protocol: Protocol
    lb_algorithm: Literal["LEAST_CONNECTIONS", "ROUND_ROBIN", "SOURCE_IP", "SOURCE_IP_PORT"]
    session_persistence: dict[str, Any] | None = None
    listener_id: str | None = None
    loadbalancer_id: str | None = None


class MonitorSettings(Settings):
    """A health monitor; its times are whole seconds."""

    fixed = frozenset({"pool_id", "type"})
    hidden = frozenset({"pool_id"})

    pool_id: str
    type: Literal["HTTP", "HTTPS", "PING", "SCTP", "TCP", "TLS-HELLO", "UDP-CONNECT"]
    delay: PositiveInt
    timeout: PositiveInt
    max_retries: Retries
    max_retries_down: Retries = 3
    http_method: str = "GET"
    url_path: str = "/"
    expected_codes: str = "200"
    http_version: float | None = None
    domain_name: str | None = None

    @property
    def fall_s(self) -> int:
        """The longest time from a server's death to the member's ERROR, in seconds."""
        return self.delay * self.max_retries_down


class MemberSettings(Settings):
    """A member of a pool."""

    fixed = frozenset({"address", "protocol_port", "request_sriov", "subnet_id"})
    hidden = frozenset({"request_sriov"})

    address: IPvAnyAddress
    protocol_port: PortNumber
    weight: Weight = 1
    backup: bool = False
    subnet_id: str | None = None
    monitor_address: IPvAnyAddress | None = None
    monitor_port: PortNumber | None = None
    vnic_type: Literal["normal", "direct"] = "normal"
    request_sriov: bool = False


S = TypeVar("S", bound=Settings)


def parsed(kind: type[S], body: object) -> S:
    """The settings in a create request's body; null means the default.

    Raises:
        Refused: 400, for what Octavia would not accept.
    """
    if not isinstance(body, dict):
        raise Refused(400, "Invalid input: an object is required.")
    given = {k: v for k, v in body.items() if v is not None and k not in _OWNERS}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refused(400, f"Invalid input for field/attribute {field}. {first['msg']}.") from error


def changed(settings: S, body: object) -> S:
    """The settings after an update request: what the body leaves out stays, null resets.

    Raises:
        Refused: 400, for what Octavia would not accept, fixed settings included.
    """
    if not isinstance(body, dict):
        raise Refused(400, "Invalid input: an object is required.")
    for field in settings.fixed & body.keys():
        raise Refused(400, f"Unknown attribute: {field}")
    return parsed(type(settings), settings.model_dump(exclude_unset=True) | body)


_OWNERS = frozenset({"project_id", "tenant_id"})
