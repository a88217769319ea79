"""Prune: what no snapshot needs goes, while others write, and whoever is killed at whatever step.

Rule: a pack is only deleted after everybody has had the time to see that it is about to go. Each
run does what is due by then, and can be killed after any call; a later one goes on.

1. Packs that no snapshot needs are *sighted*; a killed run may still take them up again.
2. Still unneeded later, they are *tombstoned*: writers who begin from now on don't count on them.
   What is needed of a wasteful pack is stored anew before.
3. After the grace, once every live session began after the tombstone could be seen, an index
   without them is stored beside the old one, and that is put down: *cleared*.
4. After the listing's lag all snapshots of earlier writers are listed. If none of those needs the
   packs: the old index goes, then the packs. *Swept*.
5. After one more grace nobody can see the old index: the tombstone goes.

A pack that a snapshot needs again at step 3 or 4 stays, and is like any other after step 5. One
that holds what was erased by law is tombstoned at first sight, however little of it that is.

Example: a backup ends on Monday and its snapshot expires on Tuesday. Prune runs daily, and what one
run put down is a day old only after the next has begun: sighted on Tuesday, tombstoned on Saturday,
cleared on Monday, deleted on Tuesday, a week after the first look.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from springtide.errors import Damaged, GuardRefused
from springtide.model.retention import PrunePolicy
from springtide.vault.adoption import adopt_packs
from springtide.vault.blobs import BlobId, BlobKind, pack_name
from springtide.vault.erasure import Condemned, forget_done, read_condemned
from springtide.vault.pack_removal import Outlook, Removal, remove_due
from springtide.vault.packs import header_of
from springtide.vault.reports import remove_outlived
from springtide.vault.repository import Identity, Repository
from springtide.vault.sealing import OVERHEAD
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import Snapshot, list_snapshots
from springtide.vault.tombstones import Ledger, Stage, name_packs, read_ledger, write_down
from springtide.vault.usage import Usage, find_usage

_Blob = tuple[BlobKind, BlobId]
_PLAIN_ENTRY, _COMPRESSED_ENTRY = 37, 41
"""So long a blob's entry in a pack's header is, in bytes."""
_PACK_BYTES = OVERHEAD + 4
"""Of a pack beside its blobs and their entries: the header is sealed, its length follows."""


@dataclass(frozen=True, slots=True)
class PackUse:
    """How much of a pack is needed, in bytes as they are stored."""

    pack: bytes
    size: int
    """Of the pack, in bytes."""
    needed: int
    """Of its blobs that a snapshot needs from here and not from another pack."""
    spare: int
    """Of its other blobs."""
    condemned: bool = False
    """Some of those were erased by law."""


@dataclass(frozen=True)
class PrunePlan:
    """What prune would do now. A pack is in one of the tuples at most."""

    at: datetime
    """By the store's clock, before anything was read."""
    ledger: Ledger
    snapshots: int
    """That were asked what they need."""
    packs: int
    """That the index names."""
    size: int
    """Of all those, in bytes."""
    known: frozenset[str] = frozenset()
    """The ids of the snapshots, and those that they had before they were stored anew."""
    erased: tuple[Condemned, ...] = ()
    """Of what was condemned, that of which nothing is left."""
    sighted_now: tuple[PackUse, ...] = ()
    """Too little is needed of them, which is seen for the first time."""
    sighted_before: tuple[PackUse, ...] = ()
    """As above, seen before; left for a killed run to take up again."""
    unneeded: tuple[PackUse, ...] = ()
    """To be tombstoned."""
    wasteful: tuple[PackUse, ...] = ()
    """What is needed of them is to be stored anew, and they are to be tombstoned."""
    tombstoned: tuple[PackUse, ...] = ()
    """To be deleted when the time has come."""
    rescued: tuple[PackUse, ...] = ()
    """Tombstoned, and needed again: they stay."""

    @property
    def erasing(self) -> int:
        """How many packs hold something that was erased by law."""
        groups = (self.unneeded, self.wasteful, self.tombstoned, self.rescued)
        return sum(use.condemned for group in groups for use in group)

    @property
    def freed(self) -> int:
        """By how many bytes the repository is smaller once all of it has been done."""
        gone = (*self.sighted_now, *self.sighted_before, *self.unneeded, *self.tombstoned)
        return sum(use.size - use.needed for use in (*gone, *self.wasteful))


@dataclass(frozen=True)
class PruneReport:
    """What prune has done, or in a dry run would do."""

    plan: PrunePlan
    adopted_packs: int = 0
    """That no index named."""
    tombstoned: tuple[PackUse, ...] = ()
    """In this run."""
    deleted: tuple[PackUse, ...] = ()
    """In this run; of those that an earlier, killed run deleted nothing is said."""
    blocked: tuple[str, ...] = ()
    """Why more was not deleted."""
    again_at: datetime | None = None
    """When there will be more to do, by the store's clock; None: nothing is under way."""


def plan_prune(repository: Repository, policy: PrunePolicy) -> PrunePlan:
    """What prune would do now; nothing is written. The index is loaded for it.

    Raises:
        GuardRefused: a snapshot's tree is not found: nothing is known of what is not needed.
        Damaged: something that has to be known cannot be read.
    """
    at = repository.store.now()
    ledger = read_ledger(repository)
    repository.load_index()
    repository.index.retire(ledger.tombstoned)
    plan, usage = _planned(repository, ledger, policy, at)
    usage.close()
    return plan


def prune(
    repository: Repository, *, identity: Identity, policy: PrunePolicy, dry_run: bool = True
) -> PruneReport:
    """Do all that is due by now; a dry run plans only.

    Raises:
        GuardRefused: restic is pruning, or a snapshot's tree is not found. Nothing was deleted.
        Damaged: something that has to be known cannot be read. Nothing was deleted.
    """
    if dry_run:
        return PruneReport(plan_prune(repository, policy))
    at = repository.store.now()
    with write_session(repository, identity=identity, policy=policy) as session:
        if session.damaged:
            raise Damaged("an index cannot be read", objects=session.damaged)
        adopted = adopt_packs(repository, except_for=session.tombstoned)
        plan, usage = _planned(repository, session.ledger, policy, at)
        with usage:
            _repack(repository, plan, usage)
    tombstoned = _put_down(repository, plan)
    removal = _removed(repository, plan, identity, policy)
    forget_done(repository, plan.erased, now=at)
    remove_outlived(repository, plan.known)
    known = {use.pack: use for use in plan.tombstoned}
    return PruneReport(
        plan,
        adopted_packs=adopted.packs,
        tombstoned=tombstoned,
        deleted=tuple(known[pack] for pack in sorted(removal.deleted & known.keys())),
        blocked=tuple(removal.blocked),
        again_at=_again_at(read_ledger(repository), policy),
    )


def _planned(
    repository: Repository, ledger: Ledger, policy: PrunePolicy, at: datetime
) -> tuple[PrunePlan, Usage]:
    """The plan, and what the snapshots need, which the caller closes."""
    snapshots, condemned = list_snapshots(repository), read_condemned(repository)
    usage = _usage(repository, snapshots)
    doomed = _doomed(condemned, usage)
    seen = _sighted(ledger)
    found: dict[str, list[PackUse]] = {}
    packs = size = 0
    for use in _uses(repository, ledger.tombstoned, usage, doomed):
        packs, size = packs + 1, size + use.size
        if use.pack in ledger.tombstoned:
            place = "rescued" if use.needed else "tombstoned"
        elif use.condemned:
            place = "wasteful" if use.needed else "unneeded"
        elif use.spare < policy.waste_share * (use.spare + use.needed):
            continue
        elif use.pack not in seen:
            place = "sighted_now"
        elif at - seen[use.pack] <= policy.resume_within:
            place = "sighted_before"
        else:
            place = "wasteful" if use.needed else "unneeded"
        found.setdefault(place, []).append(use)
    sorted_out = {name: tuple(uses) for name, uses in found.items()}
    erased = _erased(repository, ledger, condemned, doomed)
    known = frozenset(name for each in snapshots for name in (each.id, each.original) if name)
    plan = PrunePlan(at, ledger, len(snapshots), packs, size, known, erased, **sorted_out)
    return plan, usage


def _doomed(condemned: Iterable[Condemned], usage: Usage) -> frozenset[_Blob]:
    """What was condemned and is needed by nothing else, such as the same file elsewhere."""
    return frozenset(blob for each in condemned for blob in each.blobs if not usage.has(*blob))


def _erased(
    repository: Repository,
    ledger: Ledger,
    condemned: Iterable[Condemned],
    doomed: frozenset[_Blob],
) -> tuple[Condemned, ...]:
    """Of which nothing is left: no index names it, nor may a pack stand that none names any more.

    What is on its way out an index names until it is swept; where that was cut short, its
    tombstone still tells of it.
    """
    index = repository.index
    named = index.packs()
    if any(not (each.swept or each.packs <= named) for each in ledger.tombstones):
        return ()
    return tuple(
        each
        for each in condemned
        if all(index.place(*blob) is None for blob in each.blobs & doomed)
    )


def _usage(repository: Repository, snapshots: tuple[Snapshot, ...]) -> Usage:
    """What the snapshots need; all of it is named by the index."""
    usage = find_usage(repository, (snapshot.tree for snapshot in snapshots))
    missing = sum(repository.index.place(kind, blob) is None for kind, blob in usage)
    if missing:
        usage.close()
        raise GuardRefused(
            f"no index names {missing} blobs that snapshots need: its listing is late, or the"
            " repository is damaged; nothing is removed from such"
        )
    return usage


def _uses(
    repository: Repository, tombstoned: frozenset[bytes], usage: Usage, doomed: frozenset[_Blob]
) -> Iterator[PackUse]:
    """All packs that the index names, with how much of each is needed."""
    index = repository.index
    for pack, entries in index.by_pack():
        needed, spare, size, condemned = 0, 0, _PACK_BYTES, False
        for entry in entries:
            size += entry.place.length
            size += _COMPRESSED_ENTRY if entry.place.compressed else _PLAIN_ENTRY
            # Of several copies the first is needed, and rather one that is to stay; where all are
            # tombstoned, all are.
            place = index.place(entry.kind, entry.id) if usage.has(entry.kind, entry.id) else None
            if place and (place.pack == pack or {place.pack, pack} <= tombstoned):
                needed += entry.place.length
            else:
                spare += entry.place.length
                condemned = condemned or (entry.kind, entry.id) in doomed
        yield PackUse(pack, size, needed, spare, condemned)


def _sighted(ledger: Ledger) -> dict[bytes, datetime]:
    """When each pack was first seen without need."""
    return {
        pack: sighting.time for sighting in reversed(ledger.sightings) for pack in sighting.packs
    }


def _repack(repository: Repository, plan: PrunePlan, usage: Usage) -> None:
    """Store what is needed of the wasteful packs anew; it is named in an index on return."""
    old = {use.pack for use in (*plan.wasteful, *plan.unneeded)}
    repository.index.retire(plan.ledger.tombstoned | old)
    for use in plan.wasteful:
        name = pack_name(use.pack)
        data = repository.store.get(name)
        content = memoryview(data)
        for entry in header_of(repository.key, use.pack, data):
            if usage.has(entry.kind, entry.id) and not repository.has(entry.kind, entry.id):
                start, length = entry.place.offset, entry.place.length
                plain = repository.unsealed(entry, content[start : start + length])
                repository.save(entry.kind, plain)
    repository.flush()


def _put_down(repository: Repository, plan: PrunePlan) -> tuple[PackUse, ...]:
    """Sight and tombstone what the plan says; the packs that were tombstoned."""
    tombstoned = (*plan.unneeded, *plan.wasteful)
    name_packs(repository, Stage.SIGHTED, (use.pack for use in plan.sighted_now))
    new = name_packs(repository, Stage.TOMBSTONE, (use.pack for use in tombstoned))
    unmarked = (t.id for t in plan.ledger.tombstones if t.standing is None)
    if marked := sorted((*new, *unmarked)):
        write_down(repository, Stage.STANDING, {"tombstones": marked})
    return tombstoned


def _removed(
    repository: Repository, plan: PrunePlan, identity: Identity, policy: PrunePolicy
) -> Removal:
    candidates = (*plan.sighted_now, *plan.sighted_before)
    outlook = Outlook(
        at=plan.at,
        ledger=plan.ledger,
        unneeded=frozenset(use.pack for use in plan.tombstoned),
        rescued=frozenset(use.pack for use in plan.rescued),
        candidates=frozenset(use.pack for use in candidates),
    )
    return remove_due(repository, outlook, identity=identity, policy=policy)


def _again_at(ledger: Ledger, policy: PrunePolicy) -> datetime | None:
    """When the next thing falls due."""
    second = timedelta(seconds=1)
    unswept = {tombstone.id for tombstone in ledger.tombstones if not tombstone.swept}
    due = [
        *(sighting.time + policy.resume_within for sighting in ledger.sightings),
        *(
            tombstone.standing + policy.grace
            for tombstone in ledger.tombstones
            if tombstone.standing and not tombstone.cleared and not tombstone.swept
        ),
        *(
            clearance.time + policy.listing_lag
            for clearance in ledger.clearances
            if not unswept.isdisjoint(clearance.tombstones)
        ),
        *(tombstone.swept + policy.grace for tombstone in ledger.tombstones if tombstone.swept),
    ]
    return min(due) + second if due else None
