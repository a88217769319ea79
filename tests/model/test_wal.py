"""Names of segments, positions, history files and first pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.wal import (
    DEFAULT_SEGMENT_BYTES,
    HEADER_BYTES,
    Segment,
    SegmentHeader,
    Switch,
    WalRange,
    lsn_text,
    parse_header,
    parse_history,
    parse_history_name,
    parse_lsn,
    parse_range,
    parse_segment,
)

MIB = 1024 * 1024
SIZES = st.sampled_from([1, 2, 16, 64, 1024]).map(lambda size: size * MIB)
FIRST_PAGE = bytes.fromhex(
    "10d107000100000000000024000000008b02000000000000e2eaaf45e8870c6b0000000100200000"
)
"""Of a segment that a server of 15.18 wrote."""


@pytest.mark.parametrize(
    ("name", "size", "segment"),
    [
        pytest.param("000000010000000000000003", 16, Segment(1, 3), id="the third"),
        pytest.param("0000000A00000001000000FF", 16, Segment(10, 511), id="the last of a log"),
        pytest.param("000000010000000100000000", 16, Segment(1, 256), id="the first of the next"),
        pytest.param("000000010000000100000003", 1024, Segment(1, 7), id="of a gigabyte each"),
        pytest.param("000000010000000100000004", 1024, None, id="no fifth of a gigabyte"),
        pytest.param("000000010000000000000100", 16, None, id="no 257th"),
        pytest.param("000000000000000000000003", 16, None, id="no timeline 0"),
        pytest.param("000000010000000000000003.partial", 16, None, id="a part"),
        pytest.param("00000001000000000000000", 16, None, id="too short"),
        pytest.param("00000001000000000000000a", 16, None, id="lower case"),
        pytest.param("00000002.history", 16, None, id="a history"),
    ],
)
def test_a_segments_name(name: str, size: int, segment: Segment | None) -> None:
    """Its timeline and its number, and nothing where it is no whole segment's name."""
    assert segment == parse_segment(name, size * MIB)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**31), SIZES)
def test_a_name_leads_back(timeline: int, number: int, size: int) -> None:
    """The name of any segment, of any size, is parsed to the same segment."""
    segment = Segment(timeline, number)
    assert segment == parse_segment(segment.name(size), size)


@given(st.integers(0, 2**64 - 1))
def test_a_position_leads_back(lsn: int) -> None:
    """What is written for any position is parsed to the same one."""
    assert lsn == parse_lsn(lsn_text(lsn))


@pytest.mark.parametrize("text", ["", "0", "0/", "/0", "0/123456789", "G/0", "0/0 "])
def test_no_position(text: str) -> None:
    """What is none is refused, and told."""
    with pytest.raises(ValueError, match="is no position"):
        parse_lsn(text)


@given(st.integers(1, 99), st.integers(0, 2**50), st.integers(0, 2**40))
def test_a_range_leads_back(timeline: int, start: int, length: int) -> None:
    """A base backup's tag is parsed to the stretch that it was written for."""
    found = WalRange(timeline, start, start + length)
    assert found == parse_range(str(found))


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [
        pytest.param(0x2000028, 0x2000100, [2], id="within one"),
        pytest.param(0x2000028, 0x3000000, [2], id="to the boundary: nothing of the next"),
        pytest.param(0x2000028, 0x3000001, [2, 3], id="a byte of the next"),
        pytest.param(0x2000000, 0x2000000, [2], id="an empty one is somewhere"),
    ],
)
def test_the_segments_of_a_range(start: int, end: int, numbers: list[int]) -> None:
    """Both ends of each boundary."""
    assert numbers == list(WalRange(1, start, end).segments(DEFAULT_SEGMENT_BYTES))


@pytest.mark.parametrize(
    ("text", "switches"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("1\t0/3000158\tno recovery target\n", (Switch(1, 0x3000158),), id="one"),
        pytest.param(
            "1\t0/3000158\tbefore 2026-03-16 18:00\n\n2\t1/0\tno recovery target specified\n",
            (Switch(1, 0x3000158), Switch(2, 1 << 32)),
            id="two",
        ),
        pytest.param("# a comment\n1 0/28\n", (Switch(1, 0x28),), id="a comment"),
    ],
)
def test_a_history(text: str, switches: tuple[Switch, ...]) -> None:
    """Where each timeline was left, the oldest first."""
    assert switches == parse_history(text)


@pytest.mark.parametrize("text", ["1\n", "one\t0/28\n", "1\tthere\n"])
def test_no_history(text: str) -> None:
    """A damaged history file is not taken for an empty one."""
    with pytest.raises(ValueError, match=r"no position|invalid literal"):
        parse_history(text)


@pytest.mark.parametrize(
    ("name", "timeline"),
    [
        ("00000002.history", 2),
        ("0000000A.history", 10),
        ("2.history", None),
        ("00000002.history.partial", None),
    ],
)
def test_a_historys_name(name: str, timeline: int | None) -> None:
    """The timeline whose history it is."""
    assert timeline == parse_history_name(name)


def test_a_first_page() -> None:
    """It says whose segment it is, and which."""
    assert SegmentHeader(7713689693450136290, 1, 0x24000000, 16 * MIB) == parse_header(FIRST_PAGE)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(FIRST_PAGE[: HEADER_BYTES - 1], id="cut short"),
        pytest.param(bytes(HEADER_BYTES), id="zeros"),
        pytest.param(b"\x00" * 2 + b"\x00\x00" + FIRST_PAGE[4:], id="a later page"),
        pytest.param(FIRST_PAGE[:8] + b"\x01" + FIRST_PAGE[9:], id="not at a boundary"),
        pytest.param(FIRST_PAGE[:32] + b"\x01\x00\x00\x01" + FIRST_PAGE[36:], id="an odd size"),
    ],
)
def test_no_first_page(page: bytes) -> None:
    """What is none is refused."""
    with pytest.raises(ValueError, match="segment"):
        parse_header(page)
