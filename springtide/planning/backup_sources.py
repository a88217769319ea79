"""What of a source may be stored, and whether it is backed up as often as it should be."""

from collections.abc import Iterable
from datetime import datetime

from springtide.model.backup import SourceAge
from springtide.model.sources import Source
from springtide.planning.telling import amount


def emptied_limitation(files: int, before: int | None) -> str | None:
    """Why what was found of a part is not to be stored; None: it may be.

    `before` is how many files the newest snapshot holds, where that is known.
    """
    if files or not before:
        return None
    return (
        f"there is no file in it that can be read, and it held {amount(before, 'file')}: is it"
        " mounted? Where it is empty on purpose, put a file there"
    )


def source_ages(
    sources: Iterable[Source], newest: dict[tuple[str, str], datetime], now: datetime
) -> tuple[SourceAge, ...]:
    """How old each part's newest snapshot is; `newest` is by source and path."""
    ages = []
    for source in sources:
        for part, path in source.part_paths.items():
            time = newest.get((source.name, path))
            overdue = time is None or now - time > source.part_ages[part]
            ages.append(SourceAge(source=source.name, part=part, newest=time, overdue=overdue))
    return tuple(ages)
