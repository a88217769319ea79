"""The write-ahead log of a source in a vault: a tree of all segments, in snapshots that only grow.

Rule: what the archive holds is the union of its snapshots. Whoever adds segments stores a snapshot
of all there are; one that is contained in a later one is removed a listing's lag after that. So two
archivers at once, late listings and kills lose nothing, and two or three dozen snapshots stand at
most. What may go is put down as a floor: a later snapshot with a higher floor is believed about all
that lies below it.

Example: snapshots of segments 1 to 7 and 1 to 8 stand, the second one for two minutes. Segment 9
arrives: one of 1 to 9 is stored. Ten minutes after the second one was stored, the first one goes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from springtide.errors import Damaged, GuardRefused, NotFound
from springtide.model.cutting import Cutting
from springtide.model.postgres import PART_PATHS, WAL
from springtide.model.wal import (
    Segment,
    Switch,
    WalContents,
    parse_history,
    parse_history_name,
    parse_segment,
)
from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.chunking import chunks
from springtide.vault.nodes import Node, tree_bytes
from springtide.vault.repository import Repository
from springtide.vault.sessions import Session
from springtide.vault.snapshots import KIND, Snapshot, save_snapshot
from springtide.vault.stream_backup import a_folder
from springtide.vault.tree_reading import node_of
from springtide.vault.trees import TreeReader

WAL_TAG = "wal"
"""Of its snapshots: their retention is that of what needs them."""
_PATH = PART_PATHS[WAL]
_HISTORIES = b"history"
_FOLDER_DIGITS = 16
"""Of a segment's name: with segments of 16 MiB, 256 stand in a folder."""


@dataclass(frozen=True)
class WalFacts:
    """What the snapshots' tags say of an archive."""

    system: int = 0
    segment_bytes: int = 0
    floor: int = 0
    complete_at: datetime | None = None

    def tags(self) -> tuple[str, ...]:
        """As they stand on a snapshot."""
        known = {
            "system": self.system,
            "segment-bytes": self.segment_bytes,
            "floor": self.floor,
            "complete-at": self.complete_at.isoformat() if self.complete_at else "",
        }
        return (WAL_TAG, *(f"{name}={value}" for name, value in known.items() if value))


def wal_facts(snapshot: Snapshot) -> WalFacts:
    """What a snapshot's tags say.

    Raises:
        Damaged: they cannot be read.
    """
    known = dict(tag.split("=", 1) for tag in snapshot.tags if "=" in tag)
    try:
        at = known.get("complete-at")
        return WalFacts(
            system=int(known.get("system", 0)),
            segment_bytes=int(known.get("segment-bytes", 0)),
            floor=int(known.get("floor", 0)),
            complete_at=datetime.fromisoformat(at) if at else None,
        )
    except ValueError as error:
        name = f"{KIND}/{snapshot.id}"
        raise Damaged(f"{name} has tags that nobody wrote", objects=(name,)) from error


@dataclass
class _Folder:
    """A folder of segments; what is in it is read when somebody asks."""

    trees: set[BlobId] = field(default_factory=set)
    """All that are united in it; one only: it stands in the vault as it is."""
    nodes: dict[bytes, Node] | None = None


class WalArchive:
    """A source's log as the vault holds it; the repository's index is read."""

    def __init__(
        self, repository: Repository, source: str, snapshots: tuple[Snapshot, ...]
    ) -> None:
        """`snapshots` are all that the vault has.

        Raises:
            Damaged, NotFound: a tree of the archive cannot be read.
        """
        self._repository, self._source = repository, source
        self._trees = TreeReader(repository)
        own = [s for s in snapshots if (s.hostname, s.paths) == (source, (_PATH,))]
        facts = [wal_facts(snapshot) for snapshot in own]
        self.facts = WalFacts(
            system=max((each.system for each in facts), default=0),
            segment_bytes=max((each.segment_bytes for each in facts), default=0),
            floor=max((each.floor for each in facts), default=0),
            complete_at=max((f.complete_at for f in facts if f.complete_at), default=None),
        )
        self._folders: dict[bytes, _Folder] = {}
        self._superseded: dict[str, datetime | None] = {}
        """Snapshots whose content stands here, with the time of one that contains them."""
        for snapshot in own:
            self._unite(snapshot)
        for snapshot, its in zip(own, facts, strict=True):
            contained = snapshot is not own[-1] and its.floor <= facts[-1].floor
            if contained and self._contains(own[-1], snapshot):
                self._superseded[snapshot.id] = own[-1].time
        self._leave_out_removed(own, facts)

    def contents(self) -> WalContents:
        """What is archived."""
        size = self.facts.segment_bytes or WalContents().segment_bytes
        segments = {parse_segment(name, size) for name in self.names()}
        return WalContents(
            system=self.facts.system,
            segment_bytes=size,
            segments=frozenset(segment for segment in segments if segment is not None),
            histories=self._histories(),
            complete_at=self.facts.complete_at,
        )

    def names(self) -> set[str]:
        """The names of all archived files."""
        found: set[str] = set()
        for folder in self._folders.values():
            # Not kept: of a large archive the nodes would fill the memory.
            nodes = self._read(folder) if folder.nodes is None else folder.nodes
            found |= {name.decode() for name in nodes}
        return found

    def holds(self, name: str) -> bool:
        """Whether the file is archived, or was added by this run."""
        folder = _folder_of(name)
        return folder in self._folders and name.encode() in self._nodes(folder)

    def add(self, path: Path) -> int:
        """Save a file of the log; archived with the next `commit`. How many bytes were new.

        Raises:
            GuardRefused: the archive does not go back so far.
        """
        name = path.name
        segment = (
            parse_segment(name, self.facts.segment_bytes) if self.facts.segment_bytes else None
        )
        if segment is not None and segment.number < self.facts.floor:
            raise GuardRefused(
                f"{name} is older than the archive's beginning: the cluster was set back; give it"
                " another name in the estate"
            )
        new, content = 0, []
        with path.open("rb", buffering=0) as file:
            for chunk in chunks(file, Cutting.CONTENT):
                blob = self._repository.save(BlobKind.DATA, chunk)
                content.append(blob.id)
                new += len(chunk) if blob.new else 0
        # Whose it was on the worker says nothing; restored it is whoever restores it.
        node = node_of(str(path).encode(), name.encode(), path.lstat())._replace(
            content=tuple(content), mode=0o600, inode=0, xattrs=()
        )
        folder = self._folders.setdefault(_folder_of(name), _Folder(nodes={}))
        self._nodes(_folder_of(name))[name.encode()] = node
        folder.trees = set()
        return new

    def remove(self, segments: tuple[Segment, ...], *, floor: int) -> None:
        """Leave them out from the next `commit` on."""
        for segment in segments:
            name = segment.name(self.facts.segment_bytes)
            folder = self._folders[_folder_of(name)]
            del self._nodes(_folder_of(name))[name.encode()]
            folder.trees = set()
        self._folders = {name: f for name, f in self._folders.items() if f.nodes is None or f.nodes}
        self.note(floor=max(floor, self.facts.floor))

    def note(self, **changes: object) -> None:
        """Have the next `commit` tell other facts."""
        known = {name: getattr(self.facts, name) for name in WalFacts.__dataclass_fields__}
        self.facts = WalFacts(**(known | changes))

    def commit(self, session: Session, *, username: str, lag: timedelta) -> Snapshot:
        """Store all that was added, confirmed, and a snapshot of all there is.

        Raises:
            GuardRefused: the session is too old.
            Retryable, Damaged: the store did not take it.
        """
        tree = self._save_trees()
        self._repository.flush()
        session.refuse_if_expired()
        snapshot = save_snapshot(
            self._repository,
            Snapshot(
                time=self._repository.store.now(),
                tree=tree.hex(),
                paths=(_PATH,),
                hostname=self._source,
                username=username,
                tags=self.facts.tags(),
            ),
        )
        for known, since in self._superseded.items():
            self._superseded[known] = since or snapshot.time
        self._superseded[snapshot.id] = None
        self.remove_superseded(lag)
        return snapshot

    def remove_superseded(self, lag: timedelta) -> None:
        """Remove the snapshots that for `lag` have been contained in a later one."""
        now = self._repository.store.now()
        for known, since in list(self._superseded.items()):
            if since is not None and now - since > lag:
                self._repository.remove_document(KIND, known)
                del self._superseded[known]

    def fetch(self, name: str, target: Path) -> None:
        """Write an archived file to `target`, whole or not at all.

        Raises:
            NotFound: it is not archived; that alone, as a recovering server takes it for the end.
            Damaged: it is not what was saved, or a part of it is gone.
        """
        partial = target.with_name(f".{target.name}.partial")
        try:
            archived = self.holds(name)
            if archived:
                self._write(name, partial)
        except NotFound as error:
            raise Damaged(f"{name} is archived, and a part of it is gone") from error
        if not archived:
            raise NotFound(f"{name} is not archived")
        partial.replace(target)

    def _write(self, name: str, target: Path) -> None:
        node = self._nodes(_folder_of(name))[name.encode()]
        with target.open("wb") as file:
            for blob in node.content:
                file.write(self._repository.load(BlobKind.DATA, blob))

    def _unite(self, snapshot: Snapshot) -> None:
        for node in self._below(bytes.fromhex(snapshot.tree)):
            if node.subtree is not None:
                self._folders.setdefault(node.name, _Folder()).trees.add(node.subtree)
        self._superseded[snapshot.id] = None

    def _contains(self, newest: Snapshot, snapshot: Snapshot) -> bool:
        """Whether all that one snapshot holds, but for what had to go, is in the other."""
        known = {node.name: node.subtree for node in self._below(bytes.fromhex(newest.tree))}
        for folder in self._below(bytes.fromhex(snapshot.tree)):
            if folder.subtree is None or folder.subtree == known.get(folder.name):
                continue
            tree = known.get(folder.name)
            held = {node.name for node in self._trees.nodes(tree)} if tree else set()
            if any(
                node.name not in held and not self._is_below(node.name, self.facts.floor)
                for node in self._trees.nodes(folder.subtree)
            ):
                return False
        return True

    def _below(self, root: BlobId) -> tuple[Node, ...]:
        top = next(node for node in self._trees.nodes(root) if node.name == _PATH[1:].encode())
        return self._trees.nodes(top.subtree) if top.subtree else ()

    def _leave_out_removed(self, own: list[Snapshot], facts: list[WalFacts]) -> None:
        """Below the floor only that counts which all say that know the floor."""
        floor = self.facts.floor
        if not floor:
            return
        knowing = [s for s, its in zip(own, facts, strict=True) if its.floor == floor]
        stands: set[bytes] | None = None
        for snapshot in knowing:
            names = self._names_below(snapshot, floor)
            stands = names if stands is None else stands & names
        for folder in [name for name in self._folders if self._lies_below(name, floor)]:
            nodes = self._nodes(folder)
            for name in list(nodes):
                if self._is_below(name, floor) and name not in (stands or ()):
                    del nodes[name]
                    self._folders[folder].trees = set()
            if not nodes:
                del self._folders[folder]

    def _names_below(self, snapshot: Snapshot, floor: int) -> set[bytes]:
        return {
            node.name
            for folder in self._below(bytes.fromhex(snapshot.tree))
            if folder.subtree is not None and self._lies_below(folder.name, floor)
            for node in self._trees.nodes(folder.subtree)
        }

    def _is_below(self, name: bytes, floor: int) -> bool:
        segment = parse_segment(name.decode(), self.facts.segment_bytes)
        return segment is not None and segment.number < floor

    def _lies_below(self, folder: bytes, floor: int) -> bool:
        """Whether some of a folder's segments are older than the floor."""
        first = parse_segment(folder.decode() + "0" * 8, self.facts.segment_bytes)
        return first is not None and first.number < floor

    def _nodes(self, folder: bytes) -> dict[bytes, Node]:
        found = self._folders[folder]
        if found.nodes is None:
            found.nodes = self._read(found)
        return found.nodes

    def _read(self, folder: _Folder) -> dict[bytes, Node]:
        return {
            node.name: node for tree in sorted(folder.trees) for node in self._trees.nodes(tree)
        }

    def _histories(self) -> dict[int, tuple[Switch, ...]]:
        found: dict[int, tuple[Switch, ...]] = {}
        if _HISTORIES in self._folders:
            for name, node in self._nodes(_HISTORIES).items():
                timeline = parse_history_name(name.decode())
                text = b"".join(self._repository.load(BlobKind.DATA, b) for b in node.content)
                if timeline is not None:
                    found[timeline] = parse_history(text.decode("utf-8", "replace"))
        return found

    def _save_trees(self) -> BlobId:
        nodes = []
        for name, folder in sorted(self._folders.items()):
            if len(folder.trees) != 1:
                found = tree_bytes(self._nodes(name).values())
                folder.trees = {self._repository.save(BlobKind.TREE, found).id}
            nodes.append(a_folder(name, 0)._replace(subtree=next(iter(folder.trees))))
        below = self._repository.save(BlobKind.TREE, tree_bytes(nodes)).id
        top = a_folder(_PATH[1:].encode(), 0)._replace(subtree=below)
        return self._repository.save(BlobKind.TREE, tree_bytes([top])).id


def _folder_of(name: str) -> bytes:
    return _HISTORIES if parse_history_name(name) else name[:_FOLDER_DIGITS].encode()
