"""What a backup or a restore could not do with single files, and said so."""

from dataclasses import dataclass
from enum import StrEnum


class TroubleKind(StrEnum):
    """What went wrong with a file."""

    CHANGED = "changed while it was read"
    GONE = "gone before it was read"
    UNREADABLE = "could not be read"
    DAMAGED = "is damaged in the repository"
    UNWRITABLE = "could not be written"
    DIFFERENT = "differs from the snapshot"
    INCOMPLETE = "lacks some of its owner, mode, times or attributes"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One file's trouble. It names a path: to be stored sealed, and logged never."""

    path: bytes
    kind: TroubleKind
    reason: str = ""
    """The system's word for it, e.g. `EACCES`."""
