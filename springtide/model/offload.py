"""What is taken away from where it was, because nobody has touched it for long."""

from typing import Annotated

from pydantic import Field

from springtide.model.base import Model, Name

_GB = 1_000_000_000


class OffloadPolicy(Model):
    """Which documents of a source go to object storage alone, and how many at a time."""

    untouched_days: Annotated[int, Field(ge=30, le=36_600)] = 730
    """Neither changed nor read for so long. Where the file system keeps no times of access
    (`noatime`), only changes count."""
    least_bytes: Annotated[int, Field(ge=0)] = 0
    """Smaller ones stay."""
    most_files: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """So many are stored, and so many removed, in one run."""
    most_bytes: Annotated[int, Field(ge=1)] = 50 * _GB
    """Of so many bytes."""


class OffloadOutcome(Model):
    """What one run has done with a part, or in a dry run would do. It names no file."""

    source: Name
    part: int
    dry_run: bool
    untouched_files: int = 0
    """That stand at the source, untouched for long enough."""
    untouched_bytes: int = 0
    stored_files: int = 0
    """In this run: they stay where they are until both sites have them."""
    stored_bytes: int = 0
    snapshot: str = ""
    """That holds all that was ever offloaded of the part; empty: none was made in this run."""
    removed_files: int = 0
    """From the source: whole at both sites, each chunk read and hashed."""
    removed_bytes: int = 0
    waiting_files: int = 0
    """Stored, and not at the second site yet."""
    kept_files: int = 0
    """Not removed: touched meanwhile, not whole at both sites, or the system does not let them."""
    failures: tuple[str, ...] = ()
    """What is not whole, by the objects' names; how many files could not be read or removed."""


class FetchOutcome(Model):
    """A document that was brought back to its place. It names no file."""

    source: Name
    bytes: int
    was_there: bool
    """It stood there already, and was left as it is."""
    lacking: str = ""
    """Where it has not all of its owner, mode, time and attributes: the system's word for why."""
    unread: str = ""
    """Which snapshots of its vault cannot be read: one of them may tell of a newer one."""
    took_s: float
