"""Snapshots: a tree, of when, of what, by whom.

Source: restic, "Design", section "Snapshots".
"""

from typing import Any

from pydantic import Field

from springtide.model.base import Model, Moment
from springtide.vault.repository import Repository

KIND = "snapshots"
PROGRAM = "springtide"


class Snapshot(Model):
    """One snapshot. Its id is not part of what is stored: it is the hash of that."""

    id: str = Field(default="", exclude=True)
    """64 hexadecimal digits; empty before it is stored."""
    time: Moment
    tree: str
    """The root tree's id, in hexadecimal digits."""
    paths: tuple[str, ...]
    """What was backed up: absolute paths."""
    hostname: str
    username: str = ""
    uid: int = 0
    gid: int = 0
    parent: str | None = None
    """The snapshot against which unchanged files were recognised."""
    excludes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    original: str | None = None
    """The snapshot that this is a changed copy of, e.g. with other tags."""
    program_version: str = PROGRAM


def save_snapshot(repository: Repository, snapshot: Snapshot) -> Snapshot:
    """The snapshot with its id, stored. All that it needs must have been flushed before."""
    document = snapshot.model_dump(mode="json", exclude_none=True)
    found: dict[str, Any] = {key: value for key, value in document.items() if value != []}
    return snapshot.model_copy(update={"id": repository.save_document(KIND, found)})


def list_snapshots(repository: Repository) -> tuple[Snapshot, ...]:
    """All snapshots, oldest first; those of restic's own, too.

    Raises:
        Damaged: one of them cannot be read.
    """
    fields = set(Snapshot.model_fields)
    found = (
        Snapshot.model_validate(
            {key: value for key, value in document.items() if key in fields and value is not None}
            | {"id": name}
        )
        for name, document in repository.documents(KIND)
    )
    return tuple(sorted(found, key=lambda snapshot: (snapshot.time, snapshot.id)))
