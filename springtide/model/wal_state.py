"""What became of an archived log. Segments are named, and nothing of the databases."""

from springtide.model.base import Model, Moment, Name


class WalOutcome(Model):
    """What became of one run of the archiver."""

    source: Name
    segments: int = 0
    """Archived in this run."""
    bytes: int = 0
    """Of those."""
    stored_bytes: int = 0
    """Sent to the store: compressed, sealed, with trees and headers."""
    packs: int = 0
    adopted_packs: int = 0
    """Taken over from a run that was killed."""
    newest: str = ""
    """The newest segment that the vault holds."""
    complete_at: Moment | None = None
    """All that was written before is archived."""
    took_s: float = 0.0
    failure: str | None = None
    """Why archiving does not go on as it should."""


class WalGap(Model):
    """Segments that are needed, and not there."""

    first: str
    last: str
    count: int
    why: str
    bridged: bool
    """Whether a later base backup begins after it: the present can be restored all the same."""


class WalVerdict(Model):
    """What becomes of a stretch of segments, and why."""

    first: str
    last: str
    count: int
    kept: bool
    reason: str


class WalState(Model):
    """How an archive stands."""

    source: Name
    newest: str
    complete_at: Moment | None
    age_s: float | None
    """The recovery point: what was written within it would be lost. None: never complete."""
    overdue: bool
    gaps: tuple[WalGap, ...] = ()
    base_backups: int = 0
