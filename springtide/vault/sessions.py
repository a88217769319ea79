"""A writer's session: what tells the pruner that somebody may count on what it wants to delete.

Rule: the session is stored before the tombstones are read, and these before the index. So a writer
that has not seen a tombstone has a session that began before it could be seen, and for such the
pruner waits; one that has seen it counts no more on the pack.

Example: a backup begins at 18:00 and a pack is tombstoned at 18:05. The backup may have found
chunks of its own in that pack, and names them in a snapshot at 23:00. The pack is not touched
before the session has ended, and then the snapshot is seen, and the pack stays.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from springtide.errors import Damaged, GuardRefused, Retryable, SnapshotInDoubt
from springtide.model.retention import PrunePolicy
from springtide.vault.locks import session_lock
from springtide.vault.repository import Identity, Repository
from springtide.vault.tombstones import Ledger, read_ledger

KIND = "sessions"


@dataclass(frozen=True)
class LiveSession:
    """A session as it is stored."""

    id: str
    started: datetime
    until: datetime
    """Up to then it may commit a snapshot."""


@dataclass(frozen=True)
class Session:
    """A session as its writer holds it; the repository's index is loaded for it.

    Who writes is not to load the index anew within the session.
    """

    repository: Repository
    id: str
    until: datetime
    """Up to then it may commit a snapshot."""
    ledger: Ledger
    """What prune had written down before the index was read."""
    damaged: tuple[str, ...] = ()
    """Index documents that cannot be read: what they name is stored once more."""

    @property
    def tombstoned(self) -> frozenset[bytes]:
        """The packs that are about to go: nothing is to count on them, nor to adopt them."""
        return self.ledger.tombstoned

    def refuse_if_expired(self) -> None:
        """Return where a snapshot may be committed now; to be called right before it is saved.

        Raises:
            GuardRefused: the session is too old, or was ended by a pruner: what the snapshot
                counts on may be gone. Another run finds what this one has stored.
        """
        store = self.repository.store
        if store.now() > self.until:
            raise GuardRefused(f"the session expired at {self.until.isoformat()}")
        if store.size(f"{KIND}/{self.id}") is None:
            raise GuardRefused("the session was ended by somebody else")


@contextmanager
def write_session(
    repository: Repository, *, identity: Identity, policy: PrunePolicy
) -> Iterator[Session]:
    """Write in safety from prune; long reads, too. The index is loaded for it.

    The session ends with the context. Where the reply to a snapshot was lost it is left to expire:
    the snapshot may still arrive, and needs what it counts on. What else may arrive needs nothing.

    Raises:
        GuardRefused: restic is pruning.
        Damaged: a tombstone cannot be read: what is about to go is not known.
    """
    started = repository.store.now()
    until = started + policy.session_age
    times = {"time": started.isoformat(), "until": until.isoformat()}
    name = repository.save_document(KIND, times)
    try:
        with session_lock(repository, identity):
            yield _begun(repository, name, until)
    except SnapshotInDoubt:
        raise
    except BaseException:
        _end(repository, name)
        raise
    _end(repository, name)


@contextmanager
def read_session(
    repository: Repository, *, identity: Identity, policy: PrunePolicy
) -> Iterator[None]:
    """As `write_session`, for somebody who only reads, and whom nothing damaged is to stop.

    Where a lock or a tombstone cannot be read there is no session: it is as `load_for_reading`.

    Raises:
        GuardRefused: restic is pruning.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(write_session(repository, identity=identity, policy=policy))
        except Damaged:
            with suppress(Damaged):  # what is named damaged is missed file by file
                load_for_reading(repository)
        yield


def load_for_reading(repository: Repository) -> None:
    """Read the index for somebody who may store no session: of two places that counts which stays.

    What is about to go now is not read from where it goes, so it may go at once. Of what is to go
    later nothing is known: a read that takes longer than prune's grace may miss some of that.

    Raises:
        Damaged: an index cannot be read; the others are known all the same.
    """
    retired: frozenset[bytes] = frozenset()
    with suppress(Damaged):  # a restore is worth more than prune's order, of which writers are told
        retired = read_ledger(repository).tombstoned
    try:
        repository.load_index()
    finally:
        repository.index.retire(retired)


def list_sessions(repository: Repository) -> tuple[LiveSession, ...]:
    """All sessions that are stored, those of writers that were killed too, oldest first.

    Raises:
        Damaged: one of them cannot be read.
    """
    found = (
        LiveSession(name, _moment(document["time"]), _moment(document["until"]))
        for name, document in repository.documents(KIND)
    )
    return tuple(sorted(found, key=lambda session: (session.started, session.id)))


def _begun(repository: Repository, name: str, until: datetime) -> Session:
    ledger = read_ledger(repository)
    damaged: tuple[str, ...] = ()
    try:
        repository.load_index()
    except Damaged as error:
        damaged = error.objects
    repository.index.retire(ledger.tombstoned)
    return Session(repository, name, until, ledger, damaged)


def _end(repository: Repository, name: str) -> None:
    # Left behind it expires by itself; what was written stands whether it ends or not.
    with suppress(Retryable):
        repository.remove_document(KIND, name)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
