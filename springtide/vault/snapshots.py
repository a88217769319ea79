"""Snapshots: a tree, of when, of what, by whom.

Source: restic, "Design", section "Snapshots".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from springtide.errors import Damaged, Misconfigured, NotFound, ReplyLost, SnapshotInDoubt
from springtide.model.base import Model, Moment
from springtide.vault.repository import Repository

KIND = "snapshots"
PROGRAM = "springtide"
_NAMED = 3


class Summary(Model):
    """What the backup did, under restic's names; its own say more than is kept here."""

    model_config = ConfigDict(extra="ignore")

    files_unmodified: int = 0
    """Not read again."""
    data_added: int = 0
    """Bytes that the repository did not hold, before compression."""
    total_files_processed: int = 0
    total_bytes_processed: int = 0


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
    summary: Summary | None = None


def save_snapshot(repository: Repository, snapshot: Snapshot) -> Snapshot:
    """The snapshot with its id, stored. All that it needs must have been flushed before.

    Raises:
        SnapshotInDoubt: it may come to stand yet: the session in which it was made is to last.
    """
    document = snapshot.model_dump(mode="json", exclude_none=True)
    found: dict[str, Any] = {key: value for key, value in document.items() if value != []}
    try:
        name = repository.save_document(KIND, found)
    except ReplyLost as error:
        raise SnapshotInDoubt(str(error), retry_after_s=error.retry_after_s) from error
    return snapshot.model_copy(update={"id": name})


def list_snapshots(repository: Repository) -> tuple[Snapshot, ...]:
    """All snapshots, oldest first; those of restic's own, too.

    Raises:
        Damaged: one of them cannot be read.
    """
    snapshots, damaged = read_snapshots(repository)
    if damaged:
        raise Damaged(unread(damaged), objects=damaged)
    return snapshots


def unread(damaged: Sequence[str]) -> str:
    """What people are told of snapshots that cannot be read, by their names; empty: of none."""
    more = [f"{len(damaged) - _NAMED} more"] if len(damaged) > _NAMED else []
    return f"{', '.join([*damaged[:_NAMED], *more])} cannot be read" if damaged else ""


@contextmanager
def naming(damaged: Sequence[str]) -> Iterator[None]:
    """What is looked for within, and not found, may be one of those that cannot be read.

    Raises:
        Damaged: where there are such, in place of NotFound and of Misconfigured; they are named.
    """
    try:
        yield
    except (NotFound, Misconfigured) as error:
        if damaged:
            raise Damaged(f"{error}; {unread(damaged)}", objects=tuple(damaged)) from error
        raise


def chosen_snapshot(known: tuple[Snapshot, ...], start: str) -> Snapshot:
    """The one snapshot whose id begins so.

    Raises:
        Misconfigured: there is none, or there are several.
    """
    found = [snapshot for snapshot in known if start and snapshot.id.startswith(start)]
    if len(found) != 1:
        raise Misconfigured(
            f"{len(found)} snapshots begin with {start!r}",
            field="snapshot",
            allowed="the first digits of one that `springtide vault snapshots` shows",
        )
    return found[0]


def read_snapshots(repository: Repository) -> tuple[tuple[Snapshot, ...], tuple[str, ...]]:
    """All snapshots that can be read, oldest first; the object names of those that cannot."""
    found, damaged = [], []
    for listed in repository.store.listing(f"{KIND}/"):
        try:
            found.append(load_snapshot(repository, listed.name.removeprefix(f"{KIND}/")))
        except NotFound:
            continue  # a listing may name what has gone
        except Damaged:
            damaged.append(listed.name)
    found.sort(key=lambda snapshot: (snapshot.time, snapshot.id))
    return tuple(found), tuple(damaged)


def load_snapshot(repository: Repository, snapshot: str) -> Snapshot:
    """The snapshot of that id.

    Raises:
        NotFound: there is none.
        Damaged: it cannot be read.
    """
    document = repository.load_document(KIND, snapshot)
    known = {key: value for key, value in document.items() if key in _FIELDS and value is not None}
    try:
        return Snapshot.model_validate({"program_version": ""} | known | {"id": snapshot})
    except ValidationError as error:
        name = f"{KIND}/{snapshot}"
        raise Damaged(f"{name} is no snapshot", objects=(name,)) from error


def still_stands(repository: Repository, snapshot: Snapshot) -> bool:
    """Whether it is there now: by its name, as a listing may be late."""
    return repository.store.size(f"{KIND}/{snapshot.id}") is not None


_FIELDS = frozenset(Snapshot.model_fields)
