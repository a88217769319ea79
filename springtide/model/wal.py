"""PostgreSQL's write-ahead log by its names: positions, segments, timelines.

A position (LSN) is a number of bytes since the cluster began, written `0/3000148`. The log is cut
into segments of one size; a file's name holds its timeline and its segment's number. A promotion
begins a new timeline, and a history file says where it left the old one: the segment in which that
happened stands on both, and the new timeline's copy is the one that leads on.

Source: PostgreSQL 15, "WAL Internals", "Timelines"; src/include/access/xlog_internal.h.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from struct import Struct
from typing import NamedTuple

from pydantic import Field

from springtide.model.base import Model, Moment

DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024
_LOG_BYTES = 1 << 32
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.IGNORECASE)
_LONG_HEADER = Struct("<HHIQI4xQII")
"""magic, flags, timeline, address, length that remains, then of the first page alone: system,
segment's size, page's size."""
_IS_LONG = 0x0002
HEADER_BYTES = _LONG_HEADER.size


class Segment(NamedTuple):
    """One segment; sorted by timeline, then by number."""

    timeline: int
    number: int
    """From the cluster's beginning, over all timelines."""

    def name(self, segment_bytes: int = DEFAULT_SEGMENT_BYTES) -> str:
        """Its file's name: `000000010000000000000003`."""
        log, within = divmod(self.number, _LOG_BYTES // segment_bytes)
        return f"{self.timeline:08X}{log:08X}{within:08X}"


class Switch(NamedTuple):
    """Where a timeline was left."""

    timeline: int
    until: int
    """Its last position, which the next timeline begins with."""


class WalRange(NamedTuple):
    """A stretch of one timeline."""

    timeline: int
    start: int
    end: int

    def segments(self, segment_bytes: int) -> range:
        """The numbers of the segments that hold it."""
        return range(
            self.start // segment_bytes, max(self.start, self.end - 1) // segment_bytes + 1
        )

    def __str__(self) -> str:
        """As a snapshot's tag has it."""
        return f"{self.timeline}:{lsn_text(self.start)}-{lsn_text(self.end)}"


class SegmentHeader(NamedTuple):
    """What a segment's first page says of it."""

    system: int
    """Which cluster's it is, for the whole of its life."""
    timeline: int
    start: int
    segment_bytes: int


class BaseBackup(Model):
    """A base backup as its snapshot tells it."""

    snapshot: str
    time: Moment
    """When it ended."""
    system: int
    ranges: tuple[WalRange, ...]
    """The log without which it is not consistent; of a replica's it may be on two timelines."""

    @property
    def start(self) -> int:
        """Where recovery begins."""
        return min(each.start for each in self.ranges)

    @property
    def end(self) -> int:
        """From where on it is consistent."""
        return max(each.end for each in self.ranges)

    @property
    def timeline(self) -> int:
        """On which it ended."""
        return max(each.timeline for each in self.ranges)


class WalContents(Model):
    """What an archive holds, at one look."""

    system: int = 0
    """0: nothing is archived yet."""
    segment_bytes: int = DEFAULT_SEGMENT_BYTES
    segments: frozenset[Segment] = frozenset()
    histories: Mapping[int, tuple[Switch, ...]] = Field(default_factory=dict)
    """By timeline: its ancestors, the oldest first."""
    complete_at: Moment | None = None
    """All that was written before is archived; None: not known yet."""

    def name(self, segment: Segment) -> str:
        """The segment's file's name."""
        return segment.name(self.segment_bytes)

    @property
    def head(self) -> Segment | None:
        """The newest segment of the newest timeline; None: there is none."""
        return max(self.segments, default=None)

    def chain(self, timeline: int) -> tuple[tuple[int, range], ...]:
        """The timelines and numbers that lead to the newest of `timeline`, oldest first."""
        newest = max((s.number for s in self.segments if s.timeline == timeline), default=-1)
        switches = self.histories.get(timeline, ())
        numbers = [0, *(switch.until // self.segment_bytes for switch in switches), newest + 1]
        owners = [*(switch.timeline for switch in switches), timeline]
        return tuple(
            (owner, range(first, max(first, after)))
            for owner, first, after in zip(owners, numbers, numbers[1:], strict=False)
        )


class ServerPosition(NamedTuple):
    """How far a server had written its log at a time."""

    at: datetime
    """By the server's clock."""
    timeline: int
    lsn: int


def parse_lsn(text: str) -> int:
    """The position that is written so.

    Raises:
        ValueError: it is none.
    """
    found = _LSN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no position of a log, such as 0/3000148")
    return int(found[1], 16) << 32 | int(found[2], 16)


def lsn_text(lsn: int) -> str:
    """The position as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parse_segment(name: str, segment_bytes: int = DEFAULT_SEGMENT_BYTES) -> Segment | None:
    """The segment of that file's name; None: it is no whole segment's."""
    if not _SEGMENT.fullmatch(name):
        return None
    timeline, log, within = (int(name[place : place + 8], 16) for place in (0, 8, 16))
    per_log = _LOG_BYTES // segment_bytes
    return Segment(timeline, log * per_log + within) if timeline and within < per_log else None


def parse_history_name(name: str) -> int | None:
    """The timeline whose history file has that name; None: it is no history file's."""
    found = _HISTORY.fullmatch(name)
    return int(found[1], 16) if found else None


def parse_history(text: str) -> tuple[Switch, ...]:
    """What a history file says, the oldest switch first.

    Raises:
        ValueError: it is no history file.
    """
    switches = []
    for line in text.splitlines():
        fields = line.partition("#")[0].split(maxsplit=2)
        if fields:
            timeline, until = fields[:2] if len(fields) > 1 else (fields[0], "")
            switches.append(Switch(int(timeline), parse_lsn(until)))
    return tuple(switches)


def parse_header(first_page: bytes) -> SegmentHeader:
    """What the first bytes of a segment say; `HEADER_BYTES` of them are enough.

    Raises:
        ValueError: they are not a segment's.
    """
    if len(first_page) < HEADER_BYTES:
        raise ValueError("too short for a segment")
    _, flags, timeline, start, _, system, size, _ = _LONG_HEADER.unpack_from(first_page)
    if not flags & _IS_LONG or not timeline or not size or _LOG_BYTES % size or start % size:
        raise ValueError("no segment of a write-ahead log")
    return SegmentHeader(system, timeline, start, size)


def parse_range(text: str) -> WalRange:
    """The stretch that is written so, as `str` writes it.

    Raises:
        ValueError: it is none.
    """
    timeline, _, rest = text.partition(":")
    start, _, end = rest.partition("-")
    return WalRange(int(timeline), parse_lsn(start), parse_lsn(end))
