"""A tree's files, directories and links made anew below a folder, and never beside it.

Rule: everything is made below a descriptor of the target folder, by names without a slash, and no
link is followed. Directories are open to nobody else until they are whole; links come last.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from springtide.vault.nodes import Node, NodeKind

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOLE = 64 * 1024
"""Zeros of this length, at a multiple of it, are left as a hole."""
_ZEROS = bytes(_HOLE)


@contextmanager
def folder(parent: int, name: bytes) -> Iterator[int]:
    """A descriptor of a directory below `parent`, made where it is missing.

    Raises:
        OSError: something else has that name.
    """
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_file(parent: int, node: Node) -> None:
    """An empty file of the node's size, all of it a hole, for its owner alone.

    Raises:
        OSError: it is there already, or the disk is full.
    """
    descriptor = os.open(node.name, _WRITE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=parent)
    try:
        os.ftruncate(descriptor, node.size)
    finally:
        os.close(descriptor)


@contextmanager
def writable(path: bytes, target: int) -> Iterator[int]:
    """A descriptor of the file that was made at that path below `target`.

    Raises:
        OSError: it is not there any more.
    """
    descriptor = os.open(path, _WRITE, dir_fd=target)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write it there, and leave long zeros as holes: the file is new, and all of it a hole.

    Raises:
        OSError: e.g. the disk is full.
    """
    view = memoryview(data)
    for start, end in _solid(data, offset):
        position = start
        while position < end:
            position += os.pwrite(descriptor, view[position:end], offset + position)


def make_special(parent: int, node: Node) -> bool:
    """A link, a pipe or a device; whether that kind can be made at all: a socket cannot.

    Raises:
        OSError: it is there already, or may not be made.
    """
    match node.kind:
        case NodeKind.SYMLINK:
            os.symlink(node.target, node.name, dir_fd=parent)
        case NodeKind.FIFO:
            os.mkfifo(node.name, 0o600, dir_fd=parent)
        case NodeKind.CHARACTER_DEVICE:
            os.mknod(node.name, stat.S_IFCHR | 0o600, node.device, dir_fd=parent)
        case NodeKind.BLOCK_DEVICE:
            os.mknod(node.name, stat.S_IFBLK | 0o600, node.device, dir_fd=parent)
        case _:
            return False
    return True


def dress(parent: int, node: Node) -> str:
    """Give what was made its owner, attributes, mode and times; the first that failed, or nothing.

    In that order: a change of owner clears setuid, and each of the others changes a time.
    """
    failed = [_attempt(lambda: _own(parent, node))]
    # A descriptor's own entry in /proc: attributes know no `dir_fd`.
    path = f"/proc/self/fd/{parent}/".encode() + node.name
    failed += [_attempt(partial(_attribute, path, name, value)) for name, value in node.xattrs]
    if node.kind is not NodeKind.SYMLINK:
        failed.append(_attempt(lambda: os.chmod(node.name, node.mode, dir_fd=parent)))
    times = (node.mtime_ns, node.mtime_ns)
    failed.append(
        _attempt(lambda: os.utime(node.name, ns=times, dir_fd=parent, follow_symlinks=False))
    )
    return next((each for each in failed if each), "")


def _own(parent: int, node: Node) -> None:
    found = os.stat(node.name, dir_fd=parent, follow_symlinks=False)
    if (found.st_uid, found.st_gid) != (node.uid, node.gid):
        os.chown(node.name, node.uid, node.gid, dir_fd=parent, follow_symlinks=False)


def _attribute(path: bytes, name: str, value: bytes) -> None:
    os.setxattr(path, name, value, follow_symlinks=False)


def _attempt(step: Callable[[], None]) -> str:
    try:
        step()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "OSError")
    return ""


def _solid(data: bytes, offset: int) -> Iterator[tuple[int, int]]:
    """The stretches of the data that are not holes."""
    start = 0
    position = -offset % _HOLE
    while position + _HOLE <= len(data):
        if data[position] == 0 and data[position : position + _HOLE] == _ZEROS:
            if start < position:
                yield start, position
            start = position + _HOLE
        position += _HOLE
    if start < len(data):
        yield start, len(data)
