"""One document back in its place, from the tree of what was offloaded."""

import errno
import os
import shutil
import time
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.model.backup import BackupSource
from springtide.vault.blobs import BlobId
from springtide.vault.offloading import newest_offloaded, nodes_at
from springtide.vault.repository import Repository
from springtide.vault.sessions import load_for_reading
from springtide.vault.snapshots import list_snapshots
from springtide.vault.tree_restore import restore_tree


def fetch_path(repository: Repository, source: BackupSource, path: bytes) -> tuple[int, bool]:
    """The document's size, and whether it stood in its place already: then it is left as it is.

    It comes with owner, mode and time of modification; its time of access is now.

    Raises:
        Misconfigured: it does not belong to the source.
        NotFound: it was never offloaded.
        Damaged: it is not what was stored; nothing was made.
    """
    part = next((p for p in source.paths if path.startswith(os.fsencode(p) + b"/")), None)
    if part is None or b".." in path.split(b"/"):
        raise Misconfigured(f"the document is none of {source.name}", field="document")
    if os.path.lexists(path):
        return os.lstat(path).st_size, True
    load_for_reading(repository)
    manifest = newest_offloaded(list_snapshots(repository), source.name, part)
    if manifest is None:
        raise NotFound(f"nothing was ever offloaded of {source.name}")
    return _fetched(repository, bytes.fromhex(manifest.tree), path, Path(source.restore_folder))


def _fetched(repository: Repository, tree: BlobId, path: bytes, scratch: Path) -> tuple[int, bool]:
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path not in nodes_at(repository, tree, {path}):
        raise NotFound("the document is not among what was offloaded")
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
        return found.stat().st_size, not _placed(found, Path(os.fsdecode(path)))


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
    """As above, onto another file system: copied beside its place first, never half of it there."""
    beside = place.with_name(f".{found.parent.name[:16]}.{os.getpid()}.fetching")
    state = found.stat()
    try:
        shutil.copy2(found, beside)
        os.chown(beside, state.st_uid, state.st_gid)
        os.link(beside, place)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True
