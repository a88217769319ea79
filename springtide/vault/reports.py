"""The troubles of a backup, stored sealed beside its snapshot: they name files.

The objects `reports/…` are ours; restic does not look at them.
"""

from collections.abc import Iterable
from datetime import datetime

from springtide.vault.nodes import quoted, unquoted
from springtide.vault.repository import Repository
from springtide.vault.troubles import Trouble, TroubleKind

KIND = "reports"


def save_report(
    repository: Repository, troubles: Iterable[Trouble], *, snapshot: str, at: datetime
) -> str:
    """Store what a backup could not do; the report's id."""
    document = {
        "snapshot": snapshot,
        "time": at.isoformat(),
        "troubles": [
            {"path": quoted(each.path), "kind": each.kind.name, "reason": each.reason}
            for each in troubles
        ],
    }
    return repository.save_document(KIND, document)


def load_report(repository: Repository, snapshot: str) -> tuple[Trouble, ...]:
    """What the backup that made the snapshot could not do; nothing where all went well.

    Raises:
        Damaged: a report cannot be read.
    """
    return tuple(
        Trouble(unquoted(each["path"]), TroubleKind[each["kind"]], each["reason"])
        for _, document in repository.documents(KIND)
        if document["snapshot"] == snapshot
        for each in document["troubles"]
    )
