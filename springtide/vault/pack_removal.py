"""The second half of prune: packs whose tombstones have stood long enough are deleted.

Each step leaves a state from which any later run goes on; see `springtide.vault.pruning`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from springtide.errors import GuardRefused
from springtide.model.retention import PrunePolicy
from springtide.vault.blobs import BlobKind, PackEntry, pack_name
from springtide.vault.index_documents import parse_index
from springtide.vault.locks import HeldLock, exclusive_lock
from springtide.vault.repository import Identity, Repository
from springtide.vault.sessions import KIND as SESSIONS
from springtide.vault.sessions import list_sessions
from springtide.vault.tombstones import KIND, Clearance, Ledger, Stage, Tombstone, write_down

_BLOBS_REPLACED_AT_ONCE = 50_000
_DELETERS = 4
_DELETED_AT_ONCE = 100
"""So many between two looks at the clock: a late one does no harm, the pack is doomed for good."""


@dataclass(frozen=True)
class Outlook:
    """What was seen before anything is removed, in this order: the ledger, the index, snapshots."""

    at: datetime
    """By the store's clock, before any of it was read."""
    ledger: Ledger
    unneeded: frozenset[bytes]
    """Tombstoned packs that the index names and no snapshot needs."""
    rescued: frozenset[bytes]
    """Tombstoned packs that a snapshot needs."""
    candidates: frozenset[bytes]
    """Packs without a tombstone of which too little is needed."""


@dataclass
class Removal:
    """What was removed."""

    deleted: set[bytes] = field(default_factory=set)
    """Packs."""
    blocked: list[str] = field(default_factory=list)
    """Why more was not."""


def remove_due(
    repository: Repository, outlook: Outlook, *, identity: Identity, policy: PrunePolicy
) -> Removal:
    """Delete what is due by now, under restic's exclusive lock; what has to wait is told.

    Raises:
        Damaged: something that has to be known cannot be read.
    """
    removal = Removal()
    try:
        with exclusive_lock(repository, identity) as lock:
            turn = _Turn(repository, outlook, policy, lock, removal)
            for clearance in outlook.ledger.clearances:
                turn.sweep(clearance)
            turn.clear()
            for tombstone in outlook.ledger.tombstones:
                turn.tidy(tombstone)
            turn.tidy_up()
    except GuardRefused as refusal:
        removal.blocked.append(str(refusal))
    return removal


@dataclass(frozen=True)
class _Turn:
    repository: Repository
    outlook: Outlook
    policy: PrunePolicy
    lock: HeldLock
    removal: Removal

    def sweep(self, clearance: Clearance) -> None:
        """Delete the old index, then the packs, where all that could need them is listed now."""
        standing = {t.id: t for t in self.outlook.ledger.tombstones}
        marked = [standing.get(name) for name in clearance.tombstones]
        if any(tombstone is None or tombstone.swept for tombstone in marked):
            if not all(tombstone and tombstone.swept for tombstone in marked):
                # Another run was quicker with some of them, and what it left may be in use again.
                self._remove(KIND, clearance.id)
            return
        if self.outlook.at - clearance.time <= self.policy.listing_lag:
            return
        if self.outlook.rescued & clearance.packs:
            self._remove(KIND, clearance.id)
            self.removal.blocked.append("a new snapshot needs packs that were to go: they stay")
            return
        for document in clearance.indexes:
            self._remove("index", document)
        self._delete(sorted(clearance.packs))
        self._step()
        told = {"tombstones": clearance.tombstones}
        write_down(self.repository, Stage.SWEPT, told)

    def clear(self) -> None:
        """Put down that no writer is left that overlooked the tombstones; an index without them."""
        ripe = [t for t in self.outlook.ledger.tombstones if self._is_ripe(t)]
        if not ripe:
            return
        ripe = self._without_overlookers(ripe)
        if not ripe:
            return
        doomed = self.outlook.unneeded & frozenset().union(*(t.packs for t in ripe))
        replaced = self._replaced_indexes(doomed) if doomed else ()
        self._step()
        told = {
            "tombstones": [t.id for t in ripe],
            "packs": sorted(pack.hex() for pack in doomed),
            "indexes": replaced,
        }
        write_down(self.repository, Stage.CLEARED, told)

    def tidy(self, tombstone: Tombstone) -> None:
        """Take the tombstone away once nobody can see an index that names what went."""
        if not tombstone.swept or self.outlook.at - tombstone.swept <= self.policy.grace:
            return
        documents = self.outlook.ledger
        named = tombstone.packs & self.repository.index.packs()
        if any(self.repository.store.size(pack_name(pack)) is None for pack in sorted(named)):
            # Two runs replaced the index at once, and one did not know what the other deleted.
            for name in documents.marks_of([tombstone.id], Stage.CLEARED, Stage.SWEPT):
                self._remove(KIND, name)
            self.removal.blocked.append("an index names packs that are gone: it is replaced")
            return
        self._remove(KIND, tombstone.id)

    def tidy_up(self) -> None:
        """Take away what speaks of nothing any more, and the sessions of the dead."""
        for name in self.outlook.ledger.orphans:
            self._remove(KIND, name)
        for sighting in self.outlook.ledger.sightings:
            if not sighting.packs & self.outlook.candidates:
                self._remove(KIND, sighting.id)
        now = self._now()
        for session in list_sessions(self.repository):
            if now - session.until > self.policy.grace:
                self._remove(SESSIONS, session.id)

    def _is_ripe(self, tombstone: Tombstone) -> bool:
        if tombstone.standing is None or tombstone.cleared or tombstone.swept:
            return False
        return self.outlook.at - tombstone.standing > self.policy.grace

    def _without_overlookers(self, ripe: list[Tombstone]) -> list[Tombstone]:
        """Those of which every live session is sure to know."""
        now = self._now()
        live = (s for s in list_sessions(self.repository) if now - s.until <= self.policy.grace)
        oldest = min((session.started for session in live), default=None)
        if oldest is None:
            return ripe
        known = [t for t in ripe if t.standing and oldest - t.standing > self.policy.listing_lag]
        if len(known) < len(ripe):
            self.removal.blocked.append(
                f"a session since {oldest.isoformat()} may count on what is to go"
            )
        return known

    def _replaced_indexes(self, doomed: frozenset[bytes]) -> tuple[str, ...]:
        """Store what the index says but for those packs; the documents that this replaces."""
        replaced: list[str] = []
        kept: dict[bytes, dict[tuple[BlobKind, bytes], PackEntry]] = {}
        size = 0
        for name, document in self.repository.documents("index"):
            entries = list(parse_index(document))
            if doomed.isdisjoint(entry.place.pack for entry in entries):
                continue
            replaced.append(name)
            for entry in entries:
                if entry.place.pack not in doomed:
                    kept.setdefault(entry.place.pack, {})[entry.kind, entry.id] = entry
                    size += 1
            if size >= _BLOBS_REPLACED_AT_ONCE:
                self._add_to_index(kept)
                kept, size = {}, 0
        self._add_to_index(kept)
        return tuple(replaced)

    def _add_to_index(self, packs: dict[bytes, dict[tuple[BlobKind, bytes], PackEntry]]) -> None:
        self._step()
        self.repository.add_to_index({pack: tuple(found.values()) for pack, found in packs.items()})

    def _delete(self, packs: list[bytes]) -> None:
        with ThreadPoolExecutor(_DELETERS, "springtide-prune") as deleters:
            for start in range(0, len(packs), _DELETED_AT_ONCE):
                self._step()
                names = [pack_name(pack) for pack in packs[start : start + _DELETED_AT_ONCE]]
                list(deleters.map(self.repository.store.delete, names))
        self.removal.deleted.update(packs)

    def _remove(self, kind: str, document: str) -> None:
        self._step()
        self.repository.remove_document(kind, document)

    def _step(self) -> None:
        """Go on only while what was seen may be acted on.

        Raises:
            GuardRefused: it is too long ago, or the lock has gone stale.
        """
        if self.lock.keep() - self.outlook.at > self.policy.grace / 2:
            raise GuardRefused("what prune has seen is too long ago to act on: plan again")

    def _now(self) -> datetime:
        return self.repository.store.now()
