"""The troubles of a backup, stored sealed beside its snapshot: they name files.

Where all went well there is none. It goes when its snapshot has gone. The objects `reports/…` are
ours; restic does not look at them.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from springtide.errors import Damaged
from springtide.vault.nodes import quoted, unquoted
from springtide.vault.repository import Repository
from springtide.vault.snapshots import KIND as SNAPSHOTS
from springtide.vault.snapshots import Snapshot
from springtide.vault.troubles import Trouble, TroubleKind

KIND = "reports"


def save_report(
    repository: Repository, troubles: Collection[Trouble], *, snapshot: str, at: datetime
) -> None:
    """Store what the backup could not do that made the snapshot, which stands; of no trouble none.

    `snapshot` is its id.
    """
    if not troubles:
        return
    document = {
        "snapshot": snapshot,
        "time": at.isoformat(),
        "troubles": [
            {"path": quoted(each.path), "kind": each.kind.name, "reason": each.reason}
            for each in troubles
        ],
    }
    repository.save_document(KIND, document)


def load_report(repository: Repository, *snapshots: Snapshot) -> tuple[Trouble, ...]:
    """What the backups that made the snapshots could not do; nothing where all went well.

    One that was stored anew, as by a lawful erasure, is known by the id that it had before, too.

    Raises:
        Damaged: a report cannot be read.
    """
    wanted = {name for each in snapshots for name in (each.id, each.original)}
    return tuple(
        Trouble(unquoted(each["path"]), TroubleKind[each["kind"]], each["reason"])
        for _, document in repository.documents(KIND)
        if document["snapshot"] in wanted
        for each in document["troubles"]
    )


def remove_outlived(repository: Repository, snapshots: Collection[str]) -> None:
    """Remove the reports of snapshots that have gone.

    `snapshots` are ids of those that stand, and that they had before; of others each is asked for.
    """
    with suppress(Damaged):  # whoever asks for that one is told
        for name, document in repository.documents(KIND):
            of = document["snapshot"]
            if of not in snapshots and repository.store.size(f"{SNAPSHOTS}/{of}") is None:
                repository.remove_document(KIND, name)
