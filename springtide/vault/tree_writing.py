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
from typing import Any, NamedTuple

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
    # A descriptor's own entry in /proc: attributes know no `dir_fd`.
    path = f"/proc/self/fd/{parent}/".encode() + node.name
    return _dressed(_Made(node.name, path, parent), node)


def place_file(target: int, path: bytes, node: Node, content: bytes) -> str:
    """Make a file of one link with all of its content, and dress it; what `dress` returns.

    Raises:
        OSError: it is there already, or the disk is full.
    """
    descriptor = os.open(path, _WRITE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=target)
    try:
        if node.size != len(content) or len(content) >= _HOLE:
            os.ftruncate(descriptor, node.size)
        write_at(descriptor, content, 0)
        return _dressed(_Made(descriptor, descriptor), node)
    finally:
        os.close(descriptor)


class _Made(NamedTuple):
    """What was made, as calls of the system take it: by its descriptor, or its name below one."""

    itself: int | bytes
    for_attributes: int | bytes
    parent: int | None = None


def _dressed(made: _Made, node: Node) -> str:
    failed = [_attempt(partial(_own, made, node))]
    failed += [_attempt(partial(_attribute, made, *each)) for each in node.xattrs]
    if node.kind is not NodeKind.SYMLINK:
        failed.append(_attempt(partial(os.chmod, made.itself, node.mode, dir_fd=made.parent)))
    failed.append(_attempt(partial(_date, made, node.mtime_ns)))
    return next((each for each in failed if each), "")


def _own(made: _Made, node: Node) -> None:
    where: dict[str, Any] = {"dir_fd": made.parent, "follow_symlinks": made.parent is None}
    found = os.stat(made.itself, **where)  # noqa: PTH116 - a descriptor, or below one
    if (found.st_uid, found.st_gid) != (node.uid, node.gid):
        os.chown(made.itself, node.uid, node.gid, **where)


def _attribute(made: _Made, name: str, value: bytes) -> None:
    os.setxattr(made.for_attributes, name, value, follow_symlinks=made.parent is None)


def _date(made: _Made, at_ns: int) -> None:
    by_name = made.parent is not None
    os.utime(made.itself, ns=(at_ns, at_ns), dir_fd=made.parent, follow_symlinks=not by_name)


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
