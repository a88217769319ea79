"""Object storage: what one asks of a store, what it lists, and where a store stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import StringConstraints

from springtide.model.base import CloudName, Model


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
            ReplyLost: its own attempts are used up, and it may have been stored, or may be yet.
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


ContainerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
"""A container's name; it needs no quoting in an address."""

NamePrefix = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*)?$")
]
"""What stands before every object's name, without a slash at its ends; it may be empty."""


class StorePlace(Model):
    """Where a store stands: a container of one region, or a part of one."""

    region: CloudName
    """The region's name in the cloud's catalogue."""
    container: ContainerName
    prefix: NamePrefix = ""
