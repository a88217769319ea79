"""Blobs that lie near each other in a pack are read together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from springtide.vault.blobs import PackEntry, pack_name

_GAP = 128 * 1024
"""In bytes: what lies between and is not wanted costs less than another request."""
_MOST = 8 * 1024 * 1024


@dataclass(frozen=True)
class Stretch:
    """A part of a pack that is read with one request."""

    name: str
    """The pack's object name."""
    start: int
    length: int
    """In bytes."""
    entries: tuple[PackEntry, ...]
    """What is wanted of it, by offset."""


def stretches(entries: Iterable[PackEntry]) -> Iterator[Stretch]:
    """The stretches that hold those blobs, pack by pack, from each pack's beginning.

    A stretch is at most 8 MiB, unless one blob alone is larger.
    """
    packs: defaultdict[bytes, list[PackEntry]] = defaultdict(list)
    for entry in entries:
        packs[entry.place.pack].append(entry)
    for pack, wanted in packs.items():
        wanted.sort(key=lambda entry: entry.place.offset)
        together: list[PackEntry] = []
        for entry in wanted:
            if together and not _fits(together, entry):
                yield _stretch(pack, together)
                together = []
            together.append(entry)
        yield _stretch(pack, together)


def _fits(together: list[PackEntry], entry: PackEntry) -> bool:
    first, last = together[0].place, together[-1].place
    gap = entry.place.offset - last.offset - last.length
    return gap <= _GAP and entry.place.offset + entry.place.length - first.offset <= _MOST


def _stretch(pack: bytes, together: list[PackEntry]) -> Stretch:
    start, last = together[0].place.offset, together[-1].place
    length = last.offset + last.length - start
    return Stretch(pack_name(pack), start, length, tuple(together))
