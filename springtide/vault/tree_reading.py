"""A file, directory or link of this machine as a node, and the bytes of a file: nothing is changed.

Links are never followed, and nothing that is no plain file is opened.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from grp import getgrgid
from pwd import getpwuid

from springtide.vault.nodes import Node, NodeKind, kind_of

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""O_NONBLOCK: a pipe that has taken the file's place must not hold us."""


def node_of(path: bytes, name: bytes, found: os.stat_result) -> Node:
    """The node of what stands at `path`, without a file's content.

    Raises:
        OSError: it has gone, or cannot be read.
    """
    kind = kind_of(found.st_mode)
    is_file = kind is NodeKind.FILE
    is_device = kind in {NodeKind.CHARACTER_DEVICE, NodeKind.BLOCK_DEVICE}
    several = found.st_nlink > 1 and kind is not NodeKind.DIRECTORY
    return Node(
        name=name,
        kind=kind,
        mode=stat.S_IMODE(found.st_mode),
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
        uid=found.st_uid,
        gid=found.st_gid,
        user=_user(found.st_uid),
        group=_group(found.st_gid),
        inode=found.st_ino,
        device_id=found.st_dev if several else 0,
        size=found.st_size if is_file else 0,
        links=0 if kind is NodeKind.DIRECTORY else found.st_nlink,
        target=os.readlink(path) if kind is NodeKind.SYMLINK else b"",  # noqa: PTH115 - bytes
        xattrs=_xattrs(path),
        device=found.st_rdev if is_device else 0,
    )


def unchanged(node: Node, earlier: Node | None) -> bool:
    """Whether the file is taken for what it was, without being read.

    Rule: the same size, time of modification, time of change and inode. The time of change cannot
    be set by programs: a file whose content was exchanged under an old time is read again.
    """
    return earlier is not None and earlier.kind is NodeKind.FILE and _marks(node) == _marks(earlier)


def untouched(earlier: Node, found: os.stat_result) -> bool:
    """Whether a file's node still says all of it, so that nothing else of it need be asked.

    Rule: as `unchanged`, since mode, owner, attributes and links change the time of change, too.
    Not one of several links: those name their device, whose number each mount may change.
    """
    return (
        earlier.kind is NodeKind.FILE
        and same_file(earlier, found)
        and earlier.links == found.st_nlink == 1
        and earlier.mode == stat.S_IMODE(found.st_mode)
        and (earlier.user, earlier.group) == (_user(found.st_uid), _group(found.st_gid))
    )


def same_file(node: Node, found: os.stat_result) -> bool:
    """Whether what was opened, or was read to its end, still is what the node describes."""
    marks = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return _marks(node) == marks and stat.S_ISREG(found.st_mode)


@contextmanager
def opened(path: bytes) -> Iterator[int]:
    """A file descriptor for reading, without a trace in the time of access where that is allowed.

    Raises:
        OSError: there is none, it is a link, or may not be read.
    """
    try:
        descriptor = os.open(path, _OPEN | os.O_NOATIME)
    except PermissionError:
        # Only the owner may ask for that.
        descriptor = os.open(path, _OPEN)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _marks(node: Node) -> tuple[int, int, int, int]:
    return (node.size, node.mtime_ns, node.ctime_ns, node.inode)


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
    except OSError:
        # A file system that has none says so; one that was just taken away is none, too.
        return ()


@cache
def _user(uid: int) -> str:
    try:
        return _text(getpwuid(uid).pw_name)
    except KeyError:
        return ""


@cache
def _group(gid: int) -> str:
    try:
        return _text(getgrgid(gid).gr_name)
    except KeyError:
        return ""


def _text(name: str) -> str:
    """The name as a tree can hold it: bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode()
