"""Nodes: a file, directory or link of a tree, as restic stores it.

Names and link targets are bytes here, as the file system has them; restic writes names as Go quotes
strings, so that those that are not UTF-8 survive JSON.

Source: restic, "Design", section "Trees and Data"; Go's `os.FileMode` and `strconv.Quote`.
"""

import base64
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from springtide.errors import Damaged
from springtide.vault.blobs import BlobId


class NodeKind(StrEnum):
    """What a node is."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "symlink"
    FIFO = "fifo"
    SOCKET = "socket"
    CHARACTER_DEVICE = "chardev"
    BLOCK_DEVICE = "dev"


class Node(NamedTuple):
    """One entry of a directory. Times are nanoseconds since 1970 in UTC."""

    name: bytes
    kind: NodeKind
    mode: int
    """Permissions with setuid, setgid and sticky, as `chmod` takes them."""
    mtime_ns: int
    ctime_ns: int
    uid: int
    gid: int
    user: str = ""
    group: str = ""
    inode: int = 0
    device_id: int = 0
    """Of the file system; 0 unless the file has several links: it may change with each mount."""
    size: int = 0
    """Of a file, in bytes."""
    links: int = 0
    target: bytes = b""
    """Of a symlink."""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    """Extended attributes: names and values."""
    device: int = 0
    """Of a device file."""
    content: tuple[BlobId, ...] = ()
    """Of a file: its chunks, in order."""
    subtree: BlobId | None = None
    """Of a directory: the tree of what is in it."""


def tree_bytes(nodes: Iterable[Node]) -> bytes:
    """The tree that holds those nodes, as it is stored."""
    documents = [_document(node) for node in sorted(nodes, key=lambda node: node.name)]
    return orjson.dumps({"nodes": documents}, option=orjson.OPT_APPEND_NEWLINE)


def storable(node: Node) -> Node:
    """The node without the attributes whose names are not UTF-8: the format has no place for them.

    It is the node itself where it has none of those.
    """
    kept = tuple(each for each in node.xattrs if _is_text(each[0]))
    return node if len(kept) == len(node.xattrs) else node._replace(xattrs=kept)


def parse_tree(tree: bytes) -> tuple[Node, ...]:
    """The nodes of a stored tree.

    Raises:
        Damaged: it is no tree, or a name in it leads elsewhere.
    """
    try:
        return tuple(_node(document) for document in orjson.loads(tree)["nodes"] or ())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged("a tree cannot be read") from error


def quoted(name: bytes) -> str:
    """The name as Go quotes it, without the quotation marks."""
    text = name.decode("utf-8", "surrogateescape")
    if text.isprintable() and "\\" not in text and '"' not in text:
        return text
    return "".join(map(_quoted_character, text))


def unquoted(text: str) -> bytes:
    """The name that was quoted.

    Raises:
        ValueError: an escape that Go does not write.
    """
    if "\\" not in text:
        return text.encode()
    parts, position = [], 0
    for found in _ESCAPE.finditer(text):
        parts.append(text[position : found.start()].encode())
        parts.append(_unquoted(found))
        position = found.end()
    parts.append(text[position:].encode())
    return b"".join(parts)


_ESCAPE = re.compile(
    r"\\(?:x([0-9a-f]{2})|([0-7]{3})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL
)
_SHORT = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}
_LONG = {letter: character for character, letter in _SHORT.items()} | {
    '"': '"',
    "\\": "\\",
    "'": "'",
}
_KINDS = {
    stat.S_IFREG: NodeKind.FILE,
    stat.S_IFDIR: NodeKind.DIRECTORY,
    stat.S_IFLNK: NodeKind.SYMLINK,
    stat.S_IFIFO: NodeKind.FIFO,
    stat.S_IFSOCK: NodeKind.SOCKET,
    stat.S_IFCHR: NodeKind.CHARACTER_DEVICE,
    stat.S_IFBLK: NodeKind.BLOCK_DEVICE,
}
_GO_MODES = {
    NodeKind.FILE: 0,
    NodeKind.DIRECTORY: 1 << 31,
    NodeKind.SYMLINK: 1 << 27,
    NodeKind.BLOCK_DEVICE: 1 << 26,
    NodeKind.FIFO: 1 << 25,
    NodeKind.SOCKET: 1 << 24,
    NodeKind.CHARACTER_DEVICE: 1 << 26 | 1 << 21,
}
_KIND_NAMES = {str(kind): kind for kind in NodeKind}
_GO_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))
_GO_SPECIAL = sum(go_bit for _, go_bit in _GO_BITS)
_OPTIONAL = ("user", "group", "inode", "device_id", "size", "links", "device")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000
_LAST_YEAR_NS = 253_402_300_800 * _NS
"""The first moment of the year 10000: the format has four digits for a year."""
_FIRST_YEAR_NS = -62_135_596_800 * _NS


def kind_of(mode: int) -> NodeKind:
    """The kind of a file of that `st_mode`.

    Raises:
        KeyError: none that Linux has.
    """
    return _KINDS[stat.S_IFMT(mode)]


def _document(node: Node) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": quoted(node.name),
        "type": str(node.kind),
        "mode": _go_mode(node),
        "mtime": _time(node.mtime_ns),
        "atime": _time(node.mtime_ns),
        "ctime": _time(node.ctime_ns),
        "uid": node.uid,
        "gid": node.gid,
    }
    document |= {key: value for key in _OPTIONAL if (value := getattr(node, key))}
    if node.kind is NodeKind.SYMLINK:
        document |= _link(node.target)
    if node.xattrs:
        document["extended_attributes"] = [
            {"name": name, "value": base64.b64encode(value).decode()} for name, value in node.xattrs
        ]
    is_file = node.kind is NodeKind.FILE
    document["content"] = [blob.hex() for blob in node.content] if is_file else None
    if node.subtree is not None:
        document["subtree"] = node.subtree.hex()
    return document


def _link(target: bytes) -> dict[str, str]:
    link = {"linktarget": target.decode("utf-8", "replace")}
    if link["linktarget"].encode() != target:
        link["linktarget_raw"] = base64.b64encode(target).decode()
    return link


def _node(document: dict[str, Any]) -> Node:
    name = unquoted(document["name"])
    if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
        raise Damaged("a tree names what is not in its directory")
    raw = document.get("linktarget_raw")
    subtree = document.get("subtree")
    return Node(
        name=name,
        kind=_KIND_NAMES[document["type"]],
        mode=_mode(document.get("mode", 0)),
        mtime_ns=_nanoseconds(document["mtime"]),
        ctime_ns=_nanoseconds(document["ctime"]),
        uid=document["uid"],
        gid=document["gid"],
        user=document.get("user", ""),
        group=document.get("group", ""),
        inode=document.get("inode", 0),
        device_id=document.get("device_id", 0),
        size=document.get("size", 0),
        links=document.get("links", 0),
        target=base64.b64decode(raw) if raw else document.get("linktarget", "").encode(),
        xattrs=tuple(_xattrs(document)),
        device=document.get("device", 0),
        content=tuple(map(bytes.fromhex, document.get("content") or ())),
        subtree=bytes.fromhex(subtree) if subtree else None,
    )


def _xattrs(document: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for found in document.get("extended_attributes") or ():
        yield found["name"], base64.b64decode(found.get("value") or "")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _go_mode(node: Node) -> int:
    special = 0
    if node.mode > 0o777:  # noqa: PLR2004 - the permissions proper
        special = sum(go_bit for bit, go_bit in _GO_BITS if node.mode & bit)
    return node.mode & 0o777 | special | _GO_MODES[node.kind]


def _mode(go_mode: int) -> int:
    special = 0
    if go_mode & _GO_SPECIAL:
        special = sum(bit for bit, go_bit in _GO_BITS if go_mode & go_bit)
    return go_mode & 0o777 | special


def _time(ns: int) -> str:
    """RFC 3339 in UTC; what lies outside the years 1 to 9999 is moved to their edge."""
    whole, rest = divmod(min(max(ns, _FIRST_YEAR_NS), _LAST_YEAR_NS - 1), _NS)
    return f"{_second(whole)}.{rest:09d}Z" if rest else f"{_second(whole)}Z"


@lru_cache(4096)
def _second(since_epoch: int) -> str:
    return (_EPOCH + timedelta(seconds=since_epoch)).replace(tzinfo=None).isoformat()


_MOMENT = re.compile(r"(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def _nanoseconds(text: str) -> int:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError("not a moment of RFC 3339")
    whole, fraction, zone = found.groups()
    return _since_epoch(whole, zone) * _NS + int((fraction or "").ljust(9, "0"))


@lru_cache(4096)
def _since_epoch(second: str, zone: str) -> int:
    since = datetime.fromisoformat(second + ("+00:00" if zone == "Z" else zone)) - _EPOCH
    return since.days * 86_400 + since.seconds


def _quoted_character(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    if character.isprintable():
        return character
    if character in _SHORT:
        return "\\" + _SHORT[character]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # noqa: PLR2004 - a byte that is not UTF-8, by PEP 383
        return f"\\x{number - 0xDC00:02x}"
    if number < 0x80:  # noqa: PLR2004 - ASCII
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x1_0000 else f"\\U{number:08x}"  # noqa: PLR2004 - 16 bits


def _unquoted(found: re.Match[str]) -> bytes:
    byte, octal, short, long, letter = found.groups()
    if byte is not None:
        return bytes((int(byte, 16),))
    if octal is not None:
        return bytes((int(octal, 8),))
    if letter is not None:
        try:
            return _LONG[letter].encode()
        except KeyError as error:
            raise ValueError("an escape that Go does not write") from error
    return chr(int(short or long, 16)).encode()
