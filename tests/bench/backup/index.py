"""The index alone, at as many chunks as are asked for: filled, looked up, and what it takes.

`python -m tests.bench.backup.index 15000000` fills it as `load_index` does on a new machine, 50,000
chunks a document with random ids.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from springtide.vault.blobs import BlobKind, BlobPlace, PackEntry
from springtide.vault.index import BlobIndex

_A_DOCUMENT = 50_000
_A_PACK = 25
_LOOKUPS = 20_000
_RUNS, _A_RUN = 20, 400
"""An index of a backup names some 16 packs of 25 chunks."""


def main() -> None:
    """Fill as a new machine does, look up, add what a backup adds, and print."""
    wanted = int(sys.argv[1])
    chance = random.Random(1)  # noqa: S311 - data
    with tempfile.TemporaryDirectory(prefix="springtide-index-") as folder:
        path = Path(folder) / "index.sqlite"
        index = BlobIndex(path)
        known: list[bytes] = []
        began, cpu = time.monotonic(), time.process_time()
        index.add_all(_documents(wanted, known, chance))
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        _say(f"{wanted:,} chunks: {took:,.0f} s ({cpu:,.0f} s of processor time) from documents")
        size = sum(each.stat().st_size for each in path.parent.iterdir())
        found, missing = _lookups(index, known, chance)
        _say(f"{size / 1e9:.2f} GB of disk; {found:,.0f} found/s, {missing:,.0f} missed/s")
        began = time.monotonic()
        for _ in range(_RUNS):
            index.add(list(_document(chance))[:_A_RUN])
        rate = _RUNS * _A_RUN / (time.monotonic() - began)
        _say(f"{rate:,.0f} added/s while backing up; RSS at most {_peak_mib():.0f} MiB")
        index.close()


def _documents(
    wanted: int, known: list[bytes], chance: random.Random
) -> Iterator[tuple[str, list[PackEntry]]]:
    for number in range(wanted // _A_DOCUMENT):
        entries = _document(chance)
        known.append(entries[0].id)
        yield f"{number}", entries


def _document(chance: random.Random) -> list[PackEntry]:
    entries = []
    for number in range(_A_DOCUMENT):
        if number % _A_PACK == 0:
            pack = chance.randbytes(32)
        place = BlobPlace(pack, number % _A_PACK * 1_300_000, 1_300_000, 2_000_000, True)  # noqa: FBT003
        entries.append(PackEntry(BlobKind.DATA, chance.randbytes(32), place))
    return entries


def _lookups(index: BlobIndex, known: list[bytes], chance: random.Random) -> tuple[float, float]:
    """So many each second that are there, and that are not."""
    rates = []
    for ids in (
        [chance.choice(known) for _ in range(_LOOKUPS)],
        [chance.randbytes(32) for _ in range(_LOOKUPS)],
    ):
        began = time.monotonic()
        for each in ids:
            index.has(BlobKind.DATA, each)
        rates.append(_LOOKUPS / (time.monotonic() - began))
    return rates[0], rates[1]


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
