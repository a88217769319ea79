"""Builders for tests of trees: a repository in a folder, and what stands in a directory."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from springtide.model.object_storage import Store
from springtide.vault.repository import Identity, Repository
from springtide.vault.verification import Part
from tests.vault.folder_store import FolderStore

PASSWORD = b"correct horse battery staple"
IDENTITY = Identity("backup", "vault-test")
EVERYTHING = Part(1, 1)
"""Every pack is one of it."""


def a_repository(folder: Path, store: Store | None = None) -> Repository:
    """A new one; its index is read."""
    made = Repository.create(
        store or FolderStore(folder / "repository"),
        PASSWORD,
        identity=IDENTITY,
        work_folder=folder / "work",
    )
    made.load_index()
    return made


class Seen(NamedTuple):
    """What anybody can see of a file, directory or link."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int
    device: int
    content: bytes
    """Of a file; of a link, where it leads."""
    xattrs: tuple[tuple[str, bytes], ...]
    first: bytes
    """Of several links to one file the first; else itself."""


def seen_in(folder: Path) -> dict[bytes, Seen]:
    """All that is below the folder, by relative path; times of links are not compared."""
    found: dict[bytes, Seen] = {}
    firsts: dict[int, bytes] = {}
    root = os.fsencode(folder)
    for parent, directories, files in os.walk(root):
        directories.sort()
        for name in sorted(directories + files):
            path = parent + b"/" + name
            relative = path[len(root) + 1 :]
            state = os.lstat(path)
            is_directory = stat.S_ISDIR(state.st_mode)
            first = relative if is_directory else firsts.setdefault(state.st_ino, relative)
            found[relative] = Seen(
                mode=state.st_mode,
                uid=state.st_uid,
                gid=state.st_gid,
                mtime_ns=state.st_mtime_ns,
                device=state.st_rdev,
                content=_content(path, state.st_mode),
                xattrs=_xattrs(path),
                first=first,
            )
    return found


def _content(path: bytes, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.readlink(path)  # noqa: PTH115 - bytes
    return Path(os.fsdecode(path)).read_bytes() if stat.S_ISREG(mode) else b""


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
