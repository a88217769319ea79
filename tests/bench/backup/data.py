"""What is backed up in the benchmark: made from a seed, the same each time."""

import random
from collections.abc import Iterator
from pathlib import Path

MIB = 1024 * 1024
_WORDS = ("bulletin", "absence", "devoir", "note", "classe", "salle", "cours", "moyenne", "retard")
_LIBRARIES = Path("/usr/lib")
_FILE_BYTES = (200_000, 2_000_000, 9_000_000, 40_000_000)
_SMALL_BYTES = (300, 12_000)


def mixed(folder: Path, size: int) -> None:
    """So many bytes: two fifths SQL text, three tenths noise, a fifth binaries, a tenth zeros."""
    chance = random.Random(1)  # noqa: S311 - data
    binaries = _binaries()
    kinds = (
        ("sql", 0.4, lambda n: _sql(chance, n)),
        ("noise", 0.3, chance.randbytes),
        ("binary", 0.2, lambda n: _taken(binaries, n)),
        ("zeros", 0.1, bytes),
    )
    for kind, share, content in kinds:
        left, number = int(size * share), 0
        (folder / kind).mkdir(parents=True)
        while left > 0:
            length = min(left, chance.choice(_FILE_BYTES))
            (folder / kind / f"{number}.{kind}").write_bytes(content(length))
            left, number = left - length, number + 1


def small(folder: Path, files: int) -> None:
    """So many small files, a hundred to a directory: half of each is text, half noise."""
    chance = random.Random(2)  # noqa: S311 - data
    for number in range(files):
        directory = folder / f"{number // 10_000:03}" / f"{number // 100 % 100:03}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        half = chance.randint(*_SMALL_BYTES) // 2
        content = _sql(chance, half) + chance.randbytes(half)
        (directory / f"{number}.doc").write_bytes(content)


def change(folder: Path, share: float) -> None:
    """Change that share of the bytes: stretches of 64 KiB in large files, small files whole."""
    chance = random.Random(3)  # noqa: S311 - data
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    budget = int(sum(path.stat().st_size for path in files) * share)
    while budget > 0:
        path = chance.choice(files)
        size = path.stat().st_size
        length = min(size, 65_536)
        with path.open("r+b") as file:
            file.seek(chance.randint(0, size - length))
            file.write(chance.randbytes(length))
        budget -= max(length, 1)


def _sql(chance: random.Random, length: int) -> bytes:
    lines, size = [], 0
    while size < length:
        words = " ".join(chance.choices(_WORDS, k=6))
        day, number = chance.randint(1, 28), chance.getrandbits(28)
        line = (
            f"INSERT INTO notes VALUES ({number}, '2026-11-{day:02}', '{words}', {number % 20});\n"  # noqa: S608 - data
        )
        lines.append(line)
        size += len(line)
    return "".join(lines).encode()[:length]


def _binaries() -> Iterator[bytes]:
    while True:
        for path in sorted(_LIBRARIES.rglob("*.so*")):
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()


def _taken(parts: Iterator[bytes], length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        found += next(parts)
    return bytes(found[:length])
