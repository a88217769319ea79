"""Whether documents may be erased from a vault now, and what people are told of it."""

from collections.abc import Iterator

from springtide.model.backup import VaultExpiry
from springtide.model.erasure import ErasureCount
from springtide.planning.telling import Row, amount


def erasure_limitation(found: ErasureCount) -> str | None:
    """Why the order is not to be carried out now; None: it may be."""
    if found.standing:
        return (
            f"{found.standing} of the {found.paths} paths still stand at the source: the next"
            " backup would store them again; have the application delete them first"
        )
    if not found.at_original:
        return "the first site comes first: a copy would bring back what was erased here"
    return None


def erasure_settled(found: ErasureCount) -> str | None:
    """Why nothing is to be done; None: something is."""
    if found.carried_out and not (found.snapshots or found.reports):
        return "no snapshot and no report holds anything of it any more"
    return None


def erasure_rows(found: ErasureCount) -> tuple[Row, ...]:
    """The plan for those who sign it; no path, no name."""
    return (
        {"measure": "vault", "value": found.vault},
        {"measure": "paths of the order", "value": found.paths},
        {"measure": "snapshots that are stored anew without them", "value": found.snapshots},
        {"measure": "files in those, together", "value": found.files},
        {"measure": "backup reports that are cleaned", "value": found.reports},
        {"measure": "can be undone", "value": "no"},
    )


def erasure_steps(found: ErasureCount, pruned: VaultExpiry) -> tuple[str, ...]:
    """What was done."""
    return (
        f"{amount(found.snapshots, 'snapshot')} stored anew without {amount(found.files, 'file')}",
        f"{amount(found.reports, 'report')} cleaned",
        f"{amount(pruned.tombstoned_packs, 'pack')} tombstoned that held something of it",
    )


def erasure_facts(found: ErasureCount, pruned: VaultExpiry) -> Iterator[tuple[str, str | int]]:
    """What remains, and until when."""
    yield "packs that still hold something of it, sealed", pruned.erasing_packs
    if pruned.again_at is not None:
        yield "they go from", f"{pruned.again_at:%Y-%m-%d %H:%M} UTC, by the runs of expire_backups"
    yield "the order itself, sealed", "for 14 days, so that the second site can follow"
    yield "order", found.order
