"""Lawful erasure: documents that no snapshot may hold any more, and whose bytes have to go.

Rule: an order is stored sealed in the vault; every snapshot that holds what it names is stored anew
without it, and the old one removed; what was only stored for it is *condemned*, and prune removes
every pack with something condemned in it, however little. Last, that the order was carried out is
put down by its id. When no pack has any left, and the second site has had the time to do the same,
the order goes too: it names the documents.

Each step can be killed and done again. A snapshot that is stored anew keeps its time, source, paths
and tags, and is the same at both sites once both are done.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from springtide.errors import NotFound
from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.nodes import quoted, unquoted
from springtide.vault.reports import KIND as REPORTS
from springtide.vault.repository import Repository
from springtide.vault.sessions import Session
from springtide.vault.snapshots import KIND as SNAPSHOTS
from springtide.vault.snapshots import Snapshot, Summary, list_snapshots, save_snapshot
from springtide.vault.tree_editing import Cut, Wanted, tree_without, wanted_of

KIND = "erasures"
ORDER_KEPT = timedelta(days=14)
"""So long an order is kept, sealed, for the second site to follow."""
_ORDER, _CONDEMNED, _CARRIED_OUT = "order", "condemned", "carried-out"


@dataclass(frozen=True)
class ErasureOrder:
    """What is to be erased."""

    id: str
    at: datetime
    paths: tuple[bytes, ...]
    """Absolute; of a directory, all that is below it."""


@dataclass(frozen=True)
class Condemned:
    """What was stored only for what was erased."""

    id: str
    order: str
    at: datetime
    blobs: frozenset[tuple[BlobKind, BlobId]]


@dataclass
class Erasing:
    """What became of an order in one run, or in a dry run would."""

    snapshots: int = 0
    """That held something of it."""
    files: int = 0
    """In all of those: one document in ten snapshots counts ten times."""
    reports: int = 0
    """Of backups, that named something of it."""
    blobs: set[tuple[BlobKind, BlobId]] = field(default_factory=set)


def save_order(repository: Repository, paths: Iterable[bytes]) -> str:
    """Store an order; its id, which tells nothing."""
    document = {
        "stage": _ORDER,
        "time": repository.store.now().isoformat(),
        "paths": [quoted(path) for path in sorted(set(paths))],
    }
    return repository.save_document(KIND, document)


def load_order(repository: Repository, order: str) -> ErasureOrder:
    """The order of that id.

    Raises:
        NotFound: there is none; it may be done and gone.
        Damaged: it cannot be read.
    """
    document = repository.load_document(KIND, order)
    if document.get("stage") != _ORDER:
        raise NotFound(f"{KIND}/{order} is no order")
    return _order(order, document)


def is_carried_out(repository: Repository, order: str) -> bool:
    """Whether all its snapshots were stored anew here; known for as long as the order is."""
    return any(
        document.get("stage") == _CARRIED_OUT and document["order"] == order
        for _, document in repository.documents(KIND)
    )


def read_condemned(repository: Repository) -> tuple[Condemned, ...]:
    """All that is condemned here and may be there still.

    Raises:
        Damaged: some of it cannot be read.
    """
    return tuple(
        _condemned(name, document)
        for name, document in repository.documents(KIND)
        if document.get("stage") == _CONDEMNED
    )


def erase(repository: Repository, order: ErasureOrder, *, session: Session | None) -> Erasing:
    """Have no snapshot and no report hold what the order names; without a session only count.

    Raises:
        GuardRefused: the session is too old.
        Damaged, NotFound: a snapshot cannot be read; those before it are done.
    """
    found, wanted = Erasing(), wanted_of(order.paths)
    snapshots = list_snapshots(repository)
    anew: list[tuple[Snapshot, Cut]] = []
    for snapshot in snapshots:
        tree, stores = bytes.fromhex(snapshot.tree), session is not None
        cut = tree_without(repository, tree, wanted, stores=stores)
        if cut.tree.hex() != snapshot.tree:
            anew.append((snapshot, cut))
            found.files += cut.files
            found.blobs |= cut.blobs
    found.snapshots = len(anew)
    # Also of a run that was killed before it had come to the reports.
    ids = {each.original: each.id for each in snapshots if each.original}
    if session is not None:
        # First what is condemned: a run that is killed has forgotten what the old trees held.
        _condemn(repository, order, found.blobs)
        repository.flush()
        for snapshot, cut in anew:
            session.refuse_if_expired()
            ids[snapshot.id] = _replace(repository, snapshot, cut, snapshots)
    found.reports = _clean_reports(repository, wanted, None if session is None else ids)
    if session is not None and not is_carried_out(repository, order.id):
        # The second site asks for it days later, when nothing here is condemned any more.
        time = repository.store.now().isoformat()
        repository.save_document(KIND, {"stage": _CARRIED_OUT, "time": time, "order": order.id})
    return found


def forget_done(repository: Repository, gone: Iterable[Condemned], *, now: datetime) -> int:
    """Remove what speaks of erasures that are done, and orders that are old enough; how many.

    That an order was carried out goes with it; where it does not lie, after as long a time.
    """
    removed = 0
    for each in gone:
        repository.remove_document(KIND, each.id)
        removed += 1
    for name in _outlived(dict(repository.documents(KIND)), now):
        repository.remove_document(KIND, name)
        removed += 1
    return removed


def _outlived(documents: Mapping[str, Mapping[str, Any]], now: datetime) -> Iterator[str]:
    """Orders that are old enough and of which nothing is left; then, that they were carried out."""
    left = {each["order"] for each in documents.values() if each.get("stage") == _CONDEMNED}
    orders = {name: each for name, each in documents.items() if each.get("stage") == _ORDER}
    standing = set(orders)
    for name, document in orders.items():
        if name not in left and now - _order(name, document).at > ORDER_KEPT:
            standing.remove(name)
            yield name
    for name, document in documents.items():
        if document.get("stage") != _CARRIED_OUT or document["order"] in standing:
            continue
        at = datetime.fromisoformat(document["time"])
        if document["order"] in orders or now - at > ORDER_KEPT:
            yield name


def _condemn(
    repository: Repository, order: ErasureOrder, blobs: set[tuple[BlobKind, BlobId]]
) -> None:
    if not blobs:
        return
    document = {
        "stage": _CONDEMNED,
        "time": repository.store.now().isoformat(),
        "order": order.id,
        "blobs": sorted(f"{kind}:{blob.hex()}" for kind, blob in blobs),
    }
    repository.save_document(KIND, document)


def _replace(
    repository: Repository, snapshot: Snapshot, cut: Cut, known: Iterable[Snapshot]
) -> str:
    """The id of the snapshot that stands in its place."""
    tree = cut.tree.hex()
    update = {"id": "", "tree": tree, "original": snapshot.id, "parent": None}
    anew = snapshot.model_copy(update=update | {"summary": _summary_without(snapshot, cut)})
    made = next((each for each in known if _same(anew, each)), None)
    made = made or save_snapshot(repository, anew)
    repository.remove_document(SNAPSHOTS, snapshot.id)
    return made.id


def _summary_without(snapshot: Snapshot, cut: Cut) -> Summary | None:
    """What it tells of its size is asked for before a restore, and by the next backup."""
    if (before := snapshot.summary) is None:
        return None
    files = max(0, before.total_files_processed - cut.files)
    size = max(0, before.total_bytes_processed - cut.bytes)
    update = {
        "files_unmodified": min(before.files_unmodified, files),
        "total_files_processed": files,
        "total_bytes_processed": size,
    }
    return before.model_copy(update=update)


def _same(one: Snapshot, other: Snapshot) -> bool:
    fields = ("time", "tree", "hostname", "paths", "tags")
    return all(getattr(one, name) == getattr(other, name) for name in fields)


def _clean_reports(repository: Repository, wanted: Wanted, ids: Mapping[str, str] | None) -> int:
    """How many reports named something of it; they are stored anew without.

    `ids` are the new ones of snapshots that were stored anew; None: nothing is stored.
    """
    count = 0
    for name, document in list(repository.documents(REPORTS)):
        troubles = document["troubles"]
        kept = [each for each in troubles if not _is_wanted(unquoted(each["path"]), wanted)]
        count += len(kept) < len(troubles)
        before = document["snapshot"]
        now = before if ids is None else ids.get(before, before)
        if ids is None or (now == before and len(kept) == len(troubles)):
            continue
        if kept:
            repository.save_document(REPORTS, {**document, "snapshot": now, "troubles": kept})
        repository.remove_document(REPORTS, name)
    return count


def _is_wanted(path: bytes, wanted: Wanted) -> bool:
    level = wanted
    for part in (part for part in path.split(b"/") if part):
        if part not in level:
            return False
        level = level[part]
        if not level:
            return True
    return False


def _order(name: str, document: Mapping[str, Any]) -> ErasureOrder:
    paths = tuple(unquoted(path) for path in document["paths"])
    return ErasureOrder(name, datetime.fromisoformat(document["time"]), paths)


def _condemned(name: str, document: Mapping[str, Any]) -> Condemned:
    blobs = (text.partition(":") for text in document["blobs"])
    return Condemned(
        name,
        document["order"],
        datetime.fromisoformat(document["time"]),
        frozenset((BlobKind(kind), bytes.fromhex(blob)) for kind, _, blob in blobs),
    )
