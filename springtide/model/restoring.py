"""A restore over production: what is approved, and what stands in its way."""

from pydantic import Field

from springtide.model.base import Model, Name


class RestoreOverPlan(Model):
    """What two people sign: this snapshot in the place of that part, and no other."""

    source: Name
    part: int = Field(ge=1)
    vault: Name
    snapshot: str
    """Its whole id."""


class RestoreOverView(Model):
    """What was found before anything is done. It names no path."""

    plan: RestoreOverPlan
    bytes: int
    """Of the snapshot's files."""
    free_bytes: int
    """On the file system of the part."""
    beside_bytes: int = 0
    """Taken there by what a killed run of this very plan has restored: it is gone on from."""
    stands: bool
    """Whether anything is in the part's place."""
    set_aside: bool
    """Whether an earlier run of this very plan has moved away what stood there."""
    is_mount: bool
    """Whether the part's path is a file system of its own: that cannot be exchanged by a name."""
    unread: str = ""
    """Which other snapshots of the vault cannot be read, in words; empty: all can be."""
