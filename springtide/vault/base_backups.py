"""What a base backup's snapshot says of it, beside its tree: in tags, which restic shows, too."""

from collections.abc import Iterable

from springtide.errors import Damaged
from springtide.model.postgres import BASE, PART_PATHS
from springtide.model.wal import BaseBackup, WalRange, parse_range
from springtide.vault.snapshots import KIND, Snapshot

_SYSTEM, _RANGE = "system", "wal"


def base_backup_tags(system: int, ranges: tuple[WalRange, ...]) -> tuple[str, ...]:
    """The tags of a base backup's snapshot."""
    return (f"{_SYSTEM}={system}", *(f"{_RANGE}={each}" for each in ranges))


def base_backups(snapshots: Iterable[Snapshot], source: str) -> tuple[BaseBackup, ...]:
    """The base backups of a source, oldest first.

    Raises:
        Damaged: the tags of one of them cannot be read: what it needs is not known.
    """
    found = [
        _base_backup(snapshot)
        for snapshot in snapshots
        if (snapshot.hostname, snapshot.paths) == (source, (PART_PATHS[BASE],))
    ]
    return tuple(sorted(found, key=lambda base: (base.time, base.snapshot)))


def _base_backup(snapshot: Snapshot) -> BaseBackup:
    tags = [tag.partition("=") for tag in snapshot.tags]
    try:
        return BaseBackup(
            snapshot=snapshot.id,
            time=snapshot.time,
            system=next(int(value) for name, _, value in tags if name == _SYSTEM),
            ranges=tuple(parse_range(value) for name, _, value in tags if name == _RANGE),
        )
    except (StopIteration, ValueError) as error:
        name = f"{KIND}/{snapshot.id}"
        raise Damaged(f"{name} has lost the tags of a base backup", objects=(name,)) from error
