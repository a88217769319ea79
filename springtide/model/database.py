"""Database clusters as the estate names them: their members, their store, what they must have."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, HttpUrl, StringConstraints, model_validator

from springtide.model.base import EnvironmentVariable, Model, Name

MemberName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")]
WaiverReason = Annotated[str, Field(min_length=10, max_length=500)]
VirtualMachineName = Annotated[str, StringConstraints(min_length=1, max_length=80)]
_FEWEST_MEMBERS = 2
"""A primary and a replica."""


class DatabaseMember(Model):
    """One member of a cluster: a PostgreSQL under Patroni on a virtual machine of its own."""

    name: MemberName
    """As Patroni calls it."""
    url: HttpUrl
    """Of its Patroni's REST interface, e.g. `http://10.0.0.11:8008`."""
    address: Annotated[str, Field(pattern=r"^.+:[0-9]{1,5}$")]
    """Host and port of its PostgreSQL, e.g. `10.0.0.11:5432`."""
    virtual_machine: VirtualMachineName | None = None
    """Its name in vCenter; None: it cannot be resized."""


class ConsensusStore(Model):
    """The etcd in which the cluster agrees on its leader, and in which changes take turns."""

    urls: Annotated[tuple[HttpUrl, ...], Field(min_length=1)]
    """Of all its members' client interfaces."""
    on_members: tuple[MemberName, ...] = ()
    """Members of the database cluster on whose machines a member of the store runs, too."""
    user_env: EnvironmentVariable | None = None
    """Environment variable of the worker that holds the store's user; None: it asks for none."""
    password_env: EnvironmentVariable | None = None
    """Environment variable of the worker that holds its password."""
    lease_s: Annotated[int, Field(ge=6, le=300)] = 30
    """How long a run that was killed keeps others out, in seconds; it is renewed all the while."""
    prefix: Annotated[str, Field(pattern=r"^/[a-z0-9/_-]+/$")] = "/springtide/"
    """Where our keys stand: beside Patroni's and never among them."""


class ClusterLimits(Model):
    """Within which a cluster is changed."""

    lag_mib: Annotated[int, Field(ge=1, le=10_240)] = 16
    """Most that a member may be behind, in what it has received and in what it has replayed."""
    backup_age: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=14))] = timedelta(
        hours=26
    )
    """Age of the newest verified backup up to which the cluster is changed."""
    wal_age: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(
        minutes=15
    )
    """Age of the newest archived WAL up to which the cluster is changed."""
    wal_room_mib: Annotated[int, Field(ge=64, le=10_485_760)] = 8_192
    """Room for WAL, which the others keep while a member is down: so much is taken for granted of
    each member whose free space is not measured (`wal_disk`)."""
    step_minutes: Annotated[float, Field(gt=0, le=180)] = 15
    """How long one member's step may take, from its shutdown until it streams again."""
    before_window_minutes: Annotated[float, Field(ge=0, le=720)] = 60
    """So long before an evening begins, nothing is begun any more."""


class ClusterWaivers(Model):
    """What a cluster is allowed to lack, each with the reason; nothing is waived by silence."""

    synchronous_mode: WaiverReason | None = None
    """A failover may then lose what was acknowledged."""
    failsafe_mode: WaiverReason | None = None
    """The primary then stops when the store is away."""
    watchdog: WaiverReason | None = None
    """A primary that hangs may then write beside its successor."""
    backup: WaiverReason | None = None
    """Nobody knows then whether there is a way back."""


class DatabaseCluster(Model):
    """A PostgreSQL cluster under Patroni. It is no fleet: nothing of it is killed and created."""

    name: Name
    scope: Annotated[str, Field(min_length=1, max_length=63)]
    """What Patroni calls the cluster."""
    members: tuple[DatabaseMember, ...]
    """Two or more."""
    store: ConsensusStore
    user_env: EnvironmentVariable = "SPRINGTIDE_PATRONI_USER"
    """Environment variable of the worker that holds the user of Patroni's REST interface."""
    password_env: EnvironmentVariable = "SPRINGTIDE_PATRONI_PASSWORD"  # noqa: S105 - its variable
    """Environment variable of the worker that holds that user's password."""
    ca_file: str | None = None
    """Path on the worker's machine of the authority for Patroni's certificates (`https` URLs);
    None: the machine's own authorities."""
    database_user_env: EnvironmentVariable = "SPRINGTIDE_POSTGRES_USER"
    """Environment variable of the worker that holds a role of pg_monitor and pg_checkpoint."""
    database_password_env: EnvironmentVariable = "SPRINGTIDE_POSTGRES_PASSWORD"  # noqa: S105 - as above
    """Environment variable of the worker that holds the role's password."""
    backup_source: Name | None = None
    """Name of the backup source that holds this cluster's backups; None needs a waiver."""
    watchdog: bool = False
    """Whether each member has a watchdog (Patroni's `watchdog.mode: required`). Patroni tells only
    of one that is required and does not work, so a person says here that it is required."""
    wal_disk: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The file system in each member's guest on which the log stands, as VMware Tools call it, e.g.
    `/var/lib/postgresql`: its free space is measured. None: `limits.wal_room_mib` stands for it."""
    poolers: tuple[str, ...] = ()
    """Connection poolers before it, named to whoever approves: they lose their connections."""
    limits: ClusterLimits = ClusterLimits()
    waivers: ClusterWaivers = ClusterWaivers()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.members) < _FEWEST_MEMBERS:
            raise ValueError(f"members: given {len(self.members)}, a cluster has two or more")
        for field in ("name", "url", "address", "virtual_machine"):
            given = [v for m in self.members if (v := getattr(m, field)) is not None]
            if len(set(given)) < len(given):
                raise ValueError(f"members: each has a {field} of its own")
        known = [member.name for member in self.members]
        for name in self.store.on_members:
            if name not in known:
                raise ValueError(
                    f"store.on_members: no member {name} (allowed: {', '.join(known)})"
                )
        if self.backup_source is None and self.waivers.backup is None:
            raise ValueError("backup_source is missing: name one, or say why in waivers.backup")
        return self

    def member(self, name: str) -> DatabaseMember | None:
        """The member of that name; None where the cluster has none."""
        return next((member for member in self.members if member.name == name), None)

    @property
    def virtual_machines(self) -> tuple[str, ...]:
        """Names of its members' virtual machines: no other flow may change them."""
        return tuple(m.virtual_machine for m in self.members if m.virtual_machine is not None)
