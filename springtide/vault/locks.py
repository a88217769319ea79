"""restic's own locks: written while we write, honoured before anything is removed.

Sessions and the pruner of ours take locks for restic's sake alone: among themselves they go by
`springtide.vault.sessions` and tombstones, which need no listing to be up to date.

Source: restic, "Design", section "Locks"; a lock that is 30 minutes old is stale.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from springtide.errors import GuardRefused
from springtide.vault.repository import Identity, Repository

KIND = "locks"
STALE_AFTER = timedelta(minutes=30)
REFRESHED_AFTER = timedelta(minutes=5)
_SESSION, _PRUNE = "session", "prune"


class HeldLock:
    """A lock that is held."""

    def __init__(self, repository: Repository, lock: dict[str, object]) -> None:
        """Taken at once."""
        self._repository, self._lock = repository, lock
        self._at = repository.store.now()
        self.id = self._saved()
        """64 hexadecimal digits."""

    def keep(self) -> datetime:
        """Have it stand a while longer; to be called before what is done under it. The time now.

        Raises:
            GuardRefused: it has gone stale meanwhile; somebody else may hold one now.
        """
        now = self._repository.store.now()
        if now - self._at > STALE_AFTER:
            raise GuardRefused("the lock has gone stale: nothing was done for too long")
        if now - self._at > REFRESHED_AFTER:
            self._at, earlier = now, self.id
            self.id = self._saved()
            self._repository.remove_document(KIND, earlier)
        return now

    def release(self) -> None:
        """Hold it no more."""
        self._repository.remove_document(KIND, self.id)

    def _saved(self) -> str:
        lock = {"time": self._at.isoformat(), **self._lock}
        return self._repository.save_document(KIND, lock)


@contextmanager
def session_lock(repository: Repository, identity: Identity) -> Iterator[None]:
    """For that long restic's own prune waits for us; our own need not, nor we for it.

    Raises:
        GuardRefused: somebody else holds an exclusive lock: restic is pruning.
    """
    lock = _lock(identity, exclusive=False) | {"protocol": _SESSION}
    with _held(repository, lock, ignoring=_PRUNE):
        yield


@contextmanager
def exclusive_lock(repository: Repository, identity: Identity) -> Iterator[HeldLock]:
    """For that long nobody else prunes, and restic writes and reads nothing; sessions may.

    Raises:
        GuardRefused: somebody holds a lock that is no session's.
    """
    lock = _lock(identity, exclusive=True) | {"protocol": _PRUNE}
    with _held(repository, lock, ignoring=_SESSION) as held:
        yield held


@contextmanager
def _held(repository: Repository, lock: dict[str, object], *, ignoring: str) -> Iterator[HeldLock]:
    only_exclusive = not lock["exclusive"]
    _refuse_others(repository, only_exclusive=only_exclusive, ignoring=ignoring)
    held = HeldLock(repository, lock)
    try:
        _refuse_others(repository, only_exclusive=only_exclusive, ignoring=ignoring, own=held.id)
        yield held
    finally:
        held.release()


def _refuse_others(
    repository: Repository, *, only_exclusive: bool, ignoring: str, own: str = ""
) -> None:
    oldest = repository.store.now() - STALE_AFTER
    for name, lock in repository.documents(KIND):
        if datetime.fromisoformat(lock["time"]) < oldest or name == own:
            continue
        if lock.get("protocol") == ignoring:
            continue
        if lock.get("exclusive") or not only_exclusive:
            raise GuardRefused(f"the repository has been locked since {lock['time']}")


def _lock(identity: Identity, *, exclusive: bool) -> dict[str, object]:
    return {
        "exclusive": exclusive,
        "hostname": identity.hostname,
        "username": identity.username,
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
    }
