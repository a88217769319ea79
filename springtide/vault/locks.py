"""restic's own locks: written while we write, honoured before anything is removed.

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


@contextmanager
def shared_lock(repository: Repository, identity: Identity) -> Iterator[None]:
    """For that long restic's own prune waits for us.

    Raises:
        GuardRefused: somebody holds an exclusive lock: restic is pruning.
    """
    refuse_if_locked(repository, exclusively=True)
    name = repository.save_document(KIND, _lock(identity, repository.store.now()))
    try:
        refuse_if_locked(repository, exclusively=True)
        yield
    finally:
        repository.remove_document(KIND, name)


def refuse_if_locked(repository: Repository, *, exclusively: bool) -> None:
    """Return where nobody holds a lock; with `exclusively`, where nobody holds an exclusive one.

    Raises:
        GuardRefused: somebody does, for less than half an hour.
    """
    oldest = repository.store.now() - STALE_AFTER
    for _, lock in repository.documents(KIND):
        if datetime.fromisoformat(lock["time"]) < oldest:
            continue
        if lock.get("exclusive") or not exclusively:
            raise GuardRefused(f"the repository has been locked since {lock['time']}")


def _lock(identity: Identity, at: datetime) -> dict[str, object]:
    return {
        "time": at.isoformat(),
        "exclusive": False,
        "hostname": identity.hostname,
        "username": identity.username,
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
    }
