"""What prune writes down, so that any run goes on where another was killed.

    sighted --> tombstone --> standing --> cleared --> swept --> (all removed)

Documents are never changed, so each step is one of its own, and its time is read from the store's
clock *after* what it tells of was done: a run that pauses anywhere makes it later, never earlier.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from springtide.errors import Damaged
from springtide.vault.repository import Repository

KIND = "tombstones"
MOST_PACKS = 10_000
"""So many one document names."""


class Stage(StrEnum):
    """What a document tells."""

    SIGHTED = "sighted"
    """Nothing needed these packs at that time. No promise: it is the first of two looks."""
    TOMBSTONE = "tombstone"
    """These packs are about to go: writers that read this count on them no more."""
    STANDING = "standing"
    """The tombstone stood at that time: the grace is counted from then."""
    CLEARED = "cleared"
    """At that time no writer was left that may have overlooked the tombstones, and an index
    without those packs stood beside the one that is to go."""
    SWEPT = "swept"
    """By that time the old index and the packs were gone."""


@dataclass(frozen=True)
class Sighting:
    """Packs that nothing needed at a time."""

    id: str
    time: datetime
    packs: frozenset[bytes]


@dataclass(frozen=True)
class Clearance:
    """What may go once a listing shows all that was there when it was written."""

    id: str
    time: datetime
    tombstones: tuple[str, ...]
    packs: frozenset[bytes]
    """To be deleted: those of the tombstones' packs that no snapshot needs."""
    indexes: tuple[str, ...]
    """Index documents that name them, and that newer ones replace."""


@dataclass(frozen=True)
class Tombstone:
    """Packs that are about to go."""

    id: str
    packs: frozenset[bytes]
    standing: datetime | None
    """None: it may not have been seen by anybody yet."""
    cleared: bool
    swept: datetime | None


@dataclass(frozen=True)
class Ledger:
    """All that prune has written down and that is listed."""

    documents: Mapping[str, Mapping[str, Any]]
    """By their ids."""

    @cached_property
    def sightings(self) -> tuple[Sighting, ...]:
        """The first looks, oldest first."""
        return tuple(
            sorted(
                (Sighting(name, _time(d), _packs(d)) for name, d in self._of(Stage.SIGHTED)),
                key=lambda sighting: (sighting.time, sighting.id),
            )
        )

    @cached_property
    def tombstones(self) -> tuple[Tombstone, ...]:
        """Those that stand."""
        cleared = {t for clearance in self.clearances for t in clearance.tombstones}
        standing, swept = self._marks(Stage.STANDING), self._marks(Stage.SWEPT)
        return tuple(
            Tombstone(
                name,
                _packs(document),
                min(standing.get(name, ()), default=None),
                name in cleared,
                max(swept.get(name, ()), default=None),
            )
            for name, document in self._of(Stage.TOMBSTONE)
        )

    @cached_property
    def clearances(self) -> tuple[Clearance, ...]:
        """Those that were given, oldest first."""
        found = (
            Clearance(
                name,
                _time(document),
                tuple(document["tombstones"]),
                _packs(document),
                tuple(document["indexes"]),
            )
            for name, document in self._of(Stage.CLEARED)
        )
        return tuple(sorted(found, key=lambda clearance: (clearance.time, clearance.id)))

    @property
    def tombstoned(self) -> frozenset[bytes]:
        """The packs on which nobody is to count."""
        documents = (*self._of(Stage.TOMBSTONE), *self._of(Stage.CLEARED))
        return frozenset().union(*(_packs(document) for _, document in documents))

    def marks_of(self, tombstones: Iterable[str], *stages: Stage) -> tuple[str, ...]:
        """Documents of those stages that speak of one of the tombstones, stage by stage."""
        wanted = frozenset(tombstones)
        return tuple(
            name
            for stage in stages
            for name, document in self._of(stage)
            if wanted & set(document["tombstones"])
        )

    @property
    def orphans(self) -> tuple[str, ...]:
        """Documents that speak of tombstones none of which stands."""
        standing = {name for name, _ in self._of(Stage.TOMBSTONE)}
        return tuple(
            name
            for stage in (Stage.STANDING, Stage.CLEARED, Stage.SWEPT)
            for name, document in self._of(stage)
            if standing.isdisjoint(document["tombstones"])
        )

    def _of(self, stage: Stage) -> list[tuple[str, Mapping[str, Any]]]:
        return [(n, d) for n, d in sorted(self.documents.items()) if d["stage"] == stage]

    def _marks(self, stage: Stage) -> dict[str, list[datetime]]:
        found: dict[str, list[datetime]] = {}
        for _, document in self._of(stage):
            for tombstone in document["tombstones"]:
                found.setdefault(tombstone, []).append(_time(document))
        return found


def read_ledger(repository: Repository) -> Ledger:
    """What is listed of all that prune has written down.

    Raises:
        Damaged: some of it cannot be read, or is of a kind that is not known here.
    """
    found = dict(repository.documents(KIND))
    for name, document in found.items():
        if document.get("stage") not in set(Stage):
            raise Damaged(f"{KIND}/{name} is of no known kind", objects=(f"{KIND}/{name}",))
    return Ledger(found)


def write_down(repository: Repository, stage: Stage, told: Mapping[str, object]) -> str:
    """Store one document with the time by the store's clock, read now; its id."""
    time = repository.store.now().isoformat()
    return repository.save_document(KIND, {"stage": stage, "time": time, **told})


def name_packs(repository: Repository, stage: Stage, packs: Iterable[bytes]) -> tuple[str, ...]:
    """Store as many documents as it takes to name those packs; their ids."""
    named = sorted(pack.hex() for pack in packs)
    return tuple(
        write_down(repository, stage, {"packs": named[start : start + MOST_PACKS]})
        for start in range(0, len(named), MOST_PACKS)
    )


def _time(document: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(document["time"])


def _packs(document: Mapping[str, Any]) -> frozenset[bytes]:
    return frozenset(bytes.fromhex(pack) for pack in document["packs"])
