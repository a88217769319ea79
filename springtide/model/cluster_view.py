"""What a database cluster shows at one look: each member asked directly, and the store."""

from enum import StrEnum

from pydantic import Field

from springtide.model.base import Model, Moment

SEGMENT_BYTES = 16 * 1024 * 1024
"""Of PostgreSQL's write-ahead log."""


class Role(StrEnum):
    """What a member is, as it says itself."""

    PRIMARY = "primary"
    REPLICA = "replica"


class PendingParameter(Model):
    """A setting that takes effect with the next restart."""

    name: str
    now: str
    then: str


class MemberView(Model):
    """What one member says of itself; nobody else was asked."""

    name: str
    trouble: str | None = None
    """Why it did not answer; None: it did, and the rest is its answer."""
    role: Role | None = None
    state: str = ""
    """As Patroni says: `running`, `starting`, `stopped` …"""
    streaming: bool = False
    """Whether it streams from the primary; of a primary: False."""
    synchronous: bool = False
    """Whether the primary waits for it."""
    timeline: int | None = None
    system: str | None = None
    """The identifier of the database system: another one is another database."""
    written: int | None = None
    """Of a primary: how far its log is, in bytes."""
    received: int | None = None
    """Of a replica: how much of it has arrived, in bytes."""
    replayed: int | None = None
    """Of a replica: how much of it can be read there, in bytes."""
    replay_paused: bool = False
    started_at: Moment | None = None
    """When its PostgreSQL was started."""
    paused: bool = False
    """Whether its Patroni does nothing by itself."""
    pending: tuple[PendingParameter, ...] = ()
    pending_restart: bool = False
    scheduled_restart: bool = False
    watchdog_failed: bool = False
    """Whether it requires a watchdog and has none that works; that is all it tells of one."""

    @property
    def serving(self) -> bool:
        """Whether its PostgreSQL runs, as primary or streaming from it."""
        running = self.trouble is None and self.state in {"running", "streaming"}
        return running and (self.role is Role.PRIMARY or self.streaming)


class ClusterSettings(Model):
    """What the members have agreed on."""

    synchronous_mode: bool = False
    failsafe_mode: bool = False
    paused: bool = False


class LeaderChange(Model):
    """When the cluster's leader became another one, or the same one anew."""

    timeline: int
    """The new one."""
    leader: str
    at: Moment | None = None


class StoreView(Model):
    """The consensus store."""

    members: int
    healthy: int

    @property
    def spare(self) -> int:
        """How many more of its members may be lost before it answers no more."""
        return self.healthy - (self.members // 2 + 1)


class ClusterView(Model):
    """All of it, at one moment."""

    at: Moment
    members: tuple[MemberView, ...]
    settings: ClusterSettings
    store: StoreView
    scheduled_switchover: str | None = None
    wal_bytes_per_s: float = 0.0
    """How fast the primary has lately written its log."""
    wal_room_mib: dict[str, int] = Field(default_factory=dict)
    """By member: free space where its log stands, in MiB; only where that was measured."""

    @property
    def primaries(self) -> tuple[MemberView, ...]:
        """The members that say of themselves that they are primary: one, where all is well."""
        return tuple(m for m in self.members if m.trouble is None and m.role is Role.PRIMARY)

    @property
    def leader(self) -> MemberView | None:
        """The one primary; None where there is none, or more than one."""
        return self.primaries[0] if len(self.primaries) == 1 else None

    def member(self, name: str) -> MemberView:
        """The view of that member: the cluster's own list names it."""
        return next(m for m in self.members if m.name == name)

    def lag(self, name: str) -> tuple[int, int] | None:
        """Bytes that the replica has not received, and not replayed; None where it is not known.

        The leader is looked at first, so a replica may have more by then: that is no lag.
        """
        leader, member = self.leader, self.member(name)
        if leader is None or leader.written is None:
            return None
        if member.received is None or member.replayed is None:
            return None
        behind = (leader.written - member.received, leader.written - member.replayed)
        return max(0, behind[0]), max(0, behind[1])


class DatabaseFacts(Model):
    """What PostgreSQL itself says of one member."""

    member: str
    trouble: str | None = None
    """Why it did not answer; None: it did, and the rest is its answer."""
    dumps: int = 0
    """Dumps that run on it."""
    base_backups: int = 0
    """Base backups that are taken from it."""
    prepared_transactions: int = 0
    archived_at: Moment | None = None
    """When WAL was last archived; only a primary archives."""
    archiving_fails: bool = False
    """Whether the last try to archive failed."""


class WriteLook(Model):
    """Whether any member took writes, by one look at all; times of a clock that only goes on."""

    asked_s: float
    answered_s: float
    took_writes: bool


class BackupFacts(Model):
    """How far back one would have to go."""

    verified_at: Moment | None = None
    """When the newest backup was verified that proved right; None: never, or nobody tells."""
    archived_at: Moment | None = None
    """Up to when the archived log is complete; None: never."""


class MachineFacts(Model):
    """A member's virtual machine."""

    member: str
    size: str
    on: bool
    host: str | None
    snapshots: int = 0
