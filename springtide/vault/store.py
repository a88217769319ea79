"""What the vault asks of an object store: a handful of calls, given by clouds or by a folder."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from springtide.errors import Damaged, NotFound


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One line of a listing. A listing may be late: whether a thing exists `size` tells."""

    name: str
    size: int
    """In bytes."""


class Store(Protocol):
    """Objects under names such as `data/ab/abcd…`; safe to be called by several threads at once.

    Every call may raise `Retryable` when its own attempts are used up, and `Misconfigured` where
    the credential or the container is wrong.
    """

    def put(self, name: str, data: bytes) -> None:
        """Store a whole object, once; one of the same name and size that stands already is success.

        On return the store has confirmed the data's checksum.

        Raises:
            Damaged: one of another size stands under that name; it is left as it is.
        """

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """The object's bytes from `start`, `length` of them or all that follow.

        Raises:
            NotFound: there is no such object.
            Damaged: fewer bytes came than are there.
        """

    def size(self, name: str) -> int | None:
        """The object's size in bytes by a question of its own, not by a listing; None: no such."""

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose names begin with `prefix`, by name; may be late by minutes."""

    def delete(self, name: str) -> None:
        """Remove the object; gone already is success."""

    def now(self) -> datetime:
        """The time by the store's own clock, to the second."""


class FolderStore:
    """A store in a folder, as restic's own `local` backend has it: for disks and for tests."""

    def __init__(self, folder: Path) -> None:
        """The folder is made where it is missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`; a reader sees the whole object or none."""
        path = self._folder / name
        if (there := self.size(name)) is not None:
            if there != len(data):
                raise Damaged(f"{name} stands already, with another size", objects=(name,))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
        partial.write_bytes(data)
        partial.replace(path)

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(start)
                found = file.read() if length is None else file.read(length)
        except FileNotFoundError as error:
            raise NotFound(name) from error
        if length is not None and len(found) != length:
            raise Damaged(f"{name} is shorter than its index says", objects=(name,))
        return found

    def size(self, name: str) -> int | None:
        """As `Store.size`."""
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return None

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As `Store.listing`."""
        found = (p for p in self._folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        for path in sorted(found):
            name = path.relative_to(self._folder).as_posix()
            if name.startswith(prefix):
                yield StoredObject(name, path.stat().st_size)

    def delete(self, name: str) -> None:
        """As `Store.delete`."""
        (self._folder / name).unlink(missing_ok=True)

    def now(self) -> datetime:
        """This machine's time."""
        return datetime.now(UTC).replace(microsecond=0)
