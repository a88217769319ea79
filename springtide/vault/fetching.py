"""One document back in its place, from the tree of what was offloaded."""

import errno
import fcntl
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.model.backup import BackupSource
from springtide.vault.blobs import BlobId
from springtide.vault.offloading import newest_offloaded, nodes_at
from springtide.vault.repository import Repository
from springtide.vault.sessions import load_for_reading
from springtide.vault.snapshots import Snapshot, naming, read_snapshots, unread
from springtide.vault.tree_restore import restore_tree


@dataclass(frozen=True)
class Fetched:
    """A document that stands in its place."""

    bytes: int
    was_there: bool
    """It stood there already, and was left as it is."""
    lacking: str = ""
    """Where it has not all of its owner, mode, time and attributes: the system's word for why."""
    unread: str = ""
    """Which snapshots cannot be read: one of them may tell of a newer one."""


def fetch_path(repository: Repository, source: BackupSource, path: bytes) -> Fetched:
    """Have the document stand in its place; what stands there already is left as it is.

    It comes with owner, mode and time of modification; its time of access is now.

    Raises:
        Misconfigured: it does not belong to the source, or the system does not let it be made.
        NotFound: it was never offloaded.
        Damaged: it is not what was stored; nothing was made.
    """
    try:
        return _standing(repository, source, path)
    except OSError as error:
        word = errno.errorcode.get(error.errno or 0, "OSError")
        told = Misconfigured(f"the document cannot be put in its place: {word}", field="document")
        raise told from None  # the system's own message would tell the path


def _standing(repository: Repository, source: BackupSource, path: bytes) -> Fetched:
    part = next((p for p in source.paths if path.startswith(os.fsencode(p) + b"/")), None)
    if part is None or b".." in path.split(b"/"):
        raise Misconfigured(f"the document is none of {source.name}", field="document")
    if os.path.lexists(path):
        return Fetched(os.lstat(path).st_size, was_there=True)
    load_for_reading(repository)
    known, damaged = read_snapshots(repository)
    with naming(damaged):
        tree = _tree_with(repository, newest_offloaded(known, source.name, part), path)
    fetched = _fetched(repository, tree, path, Path(source.restore_folder))
    return fetched if fetched.was_there else replace(fetched, unread=unread(damaged))


def _tree_with(repository: Repository, manifest: Snapshot | None, path: bytes) -> BlobId:
    """The tree of all that was offloaded, where the document is among that."""
    tree = bytes.fromhex(manifest.tree) if manifest else None
    if tree is None or path not in nodes_at(repository, tree, {path}):
        raise NotFound("the document is not among what was offloaded")
    return tree


def _fetched(repository: Repository, tree: BlobId, path: bytes, scratch: Path) -> Fetched:
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetch-", dir=scratch) as made:
        wanted = PurePosixPath(os.fsdecode(path))
        restored = restore_tree(repository, tree, Path(made) / "tree", paths=(wanted,))
        found = Path(made) / "tree" / wanted.relative_to("/")
        if not found.exists():
            raise Damaged(
                f"the document is not what was stored ({len(restored.troubles)} troubles)"
            )
        modified = found.stat().st_mtime_ns
        os.utime(found, ns=(time.time_ns(), modified))
        placed = _placed(found, Path(os.fsdecode(path)))
        # Of the directories above it nothing was made anew.
        itself = os.fsencode(wanted.relative_to("/"))
        lacking = [each.reason for each in restored.troubles if each.path == itself]
        return Fetched(found.stat().st_size, not placed, "".join(lacking[:1]) if placed else "")


def _placed(found: Path, place: Path) -> bool:
    """Whether it was put there; something that came there meanwhile stays."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(found, place)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM}:
            raise
        return _placed_across(found, place)
    return True


def _placed_across(found: Path, place: Path) -> bool:
    """As above, onto another file system: copied beside its place first, never half of it there.

    Until it is whole it is the worker's alone, whatever its own mode is.
    """
    name = sha256(os.fsencode(place.name)).hexdigest()[:16]
    for left in place.parent.glob(f".{name}.*.fetching"):
        _sweep(left)
    beside = place.with_name(f".{name}.{os.getpid()}.fetching")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, found.open("rb") as content:
            with suppress(OSError):  # where no locks are, none that is left is swept
                fcntl.flock(file, fcntl.LOCK_EX)  # for as long as this run lives
            shutil.copyfileobj(content, file)
            file.flush()
            state = found.stat()
            os.fchown(file.fileno(), state.st_uid, state.st_gid)
            shutil.copystat(found, beside)
            os.link(beside, place)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True


def _sweep(left: Path) -> None:
    """Remove what a killed run has left of the document; what a living one makes is locked."""
    with suppress(OSError), left.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink()
