"""Nodes as restic stores them: names that are not text, times, modes, and trees that lie."""

import os

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.errors import Damaged
from springtide.vault.nodes import (
    Node,
    NodeKind,
    parse_tree,
    quoted,
    storable,
    tree_bytes,
    unquoted,
)

FILE = Node(b"a", NodeKind.FILE, 0o644, 0, 0, 1000, 100)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(b"plain.txt", "plain.txt", id="plain"),
        pytest.param("élève.pdf".encode(), "élève.pdf", id="letters"),
        pytest.param(b'say "so"', 'say \\"so\\"', id="quotation marks"),
        pytest.param(b"back\\slash", "back\\\\slash", id="backslash"),
        pytest.param(b"line\nfeed\ttab", "line\\nfeed\\ttab", id="short escapes"),
        pytest.param(b"\x01\x7f", "\\x01\\x7f", id="control characters"),
        pytest.param(b"caf\xe9", "caf\\xe9", id="Latin-1"),
        pytest.param(b"\xff\xfe", "\\xff\\xfe", id="no text at all"),
        pytest.param("\u200b".encode(), "\\u200b", id="invisible"),
        pytest.param("\U000e0001".encode(), "\\U000e0001", id="invisible, beyond 16 bits"),
        pytest.param(b"\xed\xa0\x80", "\\xed\\xa0\\x80", id="half of a pair is not UTF-8"),
    ],
)
def test_names_are_quoted_as_go_does(name: bytes, expected: str) -> None:
    """And are read back as they were."""
    assert expected == quoted(name)
    assert name == unquoted(expected)


def test_go_may_write_octal_escapes() -> None:
    """They are read, though nobody writes them today."""
    assert b"caf\xe9'" == unquoted("caf\\351\\'")


def test_an_escape_that_go_does_not_write() -> None:
    """It is refused, not guessed."""
    with pytest.raises(ValueError, match="escape"):
        unquoted("\\q")


NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: name not in {b".", b".."} and b"/" not in name and b"\0" not in name
)
ATTRIBUTES = st.binary(max_size=9).map(lambda name: os.fsdecode(b"user." + name))
NODES = st.builds(
    lambda **fields: Node(**fields),  # noqa: PLW0108 - else fields with defaults are made up, too
    name=NAMES,
    kind=st.sampled_from(NodeKind).filter(lambda kind: kind is not NodeKind.SYMLINK),
    mode=st.integers(0, 0o7777),
    mtime_ns=st.integers(-(10**18), 4 * 10**18),
    ctime_ns=st.integers(0, 4 * 10**18),
    uid=st.integers(0, 2**32 - 1),
    gid=st.integers(0, 2**32 - 1),
    user=st.sampled_from(["", "www-data"]),
    inode=st.integers(0, 2**63),
    size=st.integers(0, 2**50),
    links=st.integers(0, 9),
    xattrs=st.lists(st.tuples(ATTRIBUTES, st.binary(max_size=9)), max_size=2).map(tuple),
)


@given(st.lists(NODES, max_size=8, unique_by=lambda node: node.name))
def test_a_tree_is_read_as_it_was_written(nodes: list[Node]) -> None:
    """Whatever stands in it, sorted by name; attributes as far as their names are UTF-8."""
    kept = sorted(map(storable, nodes), key=lambda node: node.name)
    assert tuple(kept) == parse_tree(tree_bytes(kept))


def test_attributes_whose_names_are_not_utf8() -> None:
    """They alone are left out: the format has no place for them."""
    plain = FILE._replace(xattrs=(("user.é", b"kept"),))
    odd = FILE._replace(xattrs=(("user.é", b"kept"), ("user.\udcff", b"left out")))
    assert plain == storable(odd)
    assert plain is storable(plain)


@given(NAMES, st.binary(min_size=1, max_size=40))
def test_a_link_keeps_its_target(name: bytes, target: bytes) -> None:
    """Also where that is no text."""
    link = FILE._replace(name=name, kind=NodeKind.SYMLINK, target=target)
    assert (link,) == parse_tree(tree_bytes([link]))


def test_a_tree_as_restic_reads_it() -> None:
    """The fields' names, Go's bits of the mode, and the form of times are restic's."""
    node = FILE._replace(
        mode=0o4755, mtime_ns=1_700_000_000_000_000_001, size=3, content=(b"\xab" * 32,)
    )
    (document,) = orjson.loads(tree_bytes([node]))["nodes"]
    expected = {
        "name": "a",
        "type": "file",
        "mode": 0o755 | 1 << 23,
        "mtime": "2023-11-14T22:13:20.000000001Z",
        "atime": "2023-11-14T22:13:20.000000001Z",
        "ctime": "1970-01-01T00:00:00Z",
        "uid": 1000,
        "gid": 100,
        "size": 3,
        "content": ["ab" * 32],
    }
    assert expected == document


@pytest.mark.parametrize(
    ("year", "ns"),
    [
        pytest.param("9999-12-31T23:59:59.999999999Z", 10**21, id="after the year 9999"),
        pytest.param("0001-01-01T00:00:00Z", -(10**21), id="before the year 1"),
    ],
)
def test_times_that_the_format_does_not_have(year: str, ns: int) -> None:
    """They are moved to the edge of what it has."""
    (document,) = orjson.loads(tree_bytes([FILE._replace(mtime_ns=ns)]))["nodes"]
    assert year == document["mtime"]


def test_times_of_another_zone() -> None:
    """The zone of its machine is what restic writes."""
    document = orjson.loads(tree_bytes([FILE]))
    document["nodes"][0]["mtime"] = "2024-07-01T12:00:00.25+02:00"
    (node,) = parse_tree(orjson.dumps(document))
    assert 1_719_828_000_250_000_000 == node.mtime_ns


def _named(name: str) -> bytes:
    document = orjson.loads(tree_bytes([FILE]))
    document["nodes"][0]["name"] = name
    return orjson.dumps(document)


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param(_named(".."), id="the directory above"),
        pytest.param(_named("."), id="the directory itself"),
        pytest.param(_named(""), id="no name"),
        pytest.param(_named("../../etc/passwd"), id="a way out"),
        pytest.param(_named("a\\x00b"), id="a name that ends early"),
        pytest.param(b'{"nodes":[{"name":"a"}]}', id="fields are missing"),
        pytest.param(b'{"nodes":7}', id="not a list"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b"\xff", id="not JSON"),
    ],
)
def test_a_tree_that_cannot_be(tree: bytes) -> None:
    """It is damaged, whoever sealed it; nothing is made of it."""
    with pytest.raises(Damaged):
        parse_tree(tree)
