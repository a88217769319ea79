"""How long backups are kept, and how patiently what none of them needs is removed."""

from datetime import datetime, timedelta
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator

from springtide.model.base import Model

Count = Annotated[int, Field(ge=0, le=10_000)]
Duration = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=3660))]
OFFLOADED = "offloaded"
"""Tag of what was taken away from where it was: the backup is the only copy there is."""


SHARD = "shard"
"""Tag of a part of a snapshot that is not whole yet."""


class BackupSnapshot(Protocol):
    """What is asked of a snapshot to judge how long it stays."""

    @property
    def id(self) -> str:
        """Which one it is."""

    @property
    def time(self) -> datetime:
        """When it was made."""

    @property
    def hostname(self) -> str:
        """Whose it is."""

    @property
    def paths(self) -> tuple[str, ...]:
        """What it is of."""

    @property
    def tags(self) -> tuple[str, ...]:
        """What it was marked with."""


class Retention(Model):
    """How long the snapshots of each host and set of paths are kept: whatever one rule keeps."""

    keep_last: Count = 0
    """So many of the newest."""
    keep_hourly: Count = 0
    """The newest of each of so many hours that have one."""
    keep_daily: Count = 0
    """The newest of each of so many days that have one; days as clocks on the wall show them."""
    keep_weekly: Count = 0
    """The newest of each of so many weeks that have one; weeks begin on Monday."""
    keep_monthly: Count = 0
    """The newest of each of so many months that have one."""
    keep_yearly: Count = 0
    """The newest of each of so many years that have one."""
    keep_within: Duration | None = None
    """All that are younger than this, counted back from the newest and not from today."""
    keep_tags: tuple[str, ...] = ()
    """All that carry one of these, whatever else the rules say."""
    protected_tags: tuple[str, ...] = (OFFLOADED,)
    """What carries one of these is no business of expiry: it is kept, and counts for no rule."""
    minimum_copies: Annotated[int, Field(ge=1, le=10_000)] = 3
    """Never fewer than these remain of a host's set of paths, where there are so many."""

    @property
    def says_nothing(self) -> bool:
        """Whether no rule says what to keep; tags alone say nothing of all the others."""
        counts = (self.keep_last, self.keep_hourly, self.keep_daily)
        longer = (self.keep_weekly, self.keep_monthly, self.keep_yearly)
        return not any((*counts, *longer, self.keep_within))


class PrunePolicy(Model):
    """How patient prune is. Every time is compared by the store's own clock."""

    listing_lag: Duration = timedelta(minutes=10)
    """The longest for which a listing misses what is there or names what is gone; differences
    between the clocks of the store's machines included."""
    grace: Duration = timedelta(hours=24)
    """How long a pack stays tombstoned before it may go, and the longest pause of a writer between
    its last look at its session and the store's confirmation of its snapshot."""
    session_age: Duration = timedelta(days=7)
    """How old a writer's session may be when it commits its snapshot."""
    resume_within: Duration = timedelta(days=3)
    """How long packs that no snapshot needs are left for a killed run to take up again."""
    waste_share: Annotated[float, Field(gt=0, le=1)] = 0.4
    """A pack of which no snapshot needs so large a share is packed anew."""

    @model_validator(mode="after")
    def _patient(self) -> Self:
        if self.grace < 4 * self.listing_lag:
            raise ValueError(
                f"grace {self.grace} must be at least four times listing_lag {self.listing_lag}:"
                " else what one has written may not be listed yet when the other deletes"
            )
        return self
