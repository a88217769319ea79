"""Our own audit log beside the usage: who deleted what, and whether it was gone afterwards."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from springtide.model.audit import AuditLine
from springtide.model.bill import Deletion, InventoryItem
from springtide.model.charge import Charge
from springtide.model.proof import Difference, Reconciliation
from springtide.pricing.comparisons import judged, unproven

_SERVER = re.compile(r"/servers/([^/]+)")
_DONE = "done"


def deletions_of(lines: Iterable[AuditLine]) -> tuple[Deletion, ...]:
    """The servers that we asked to delete: the first time that Nova took it on, else the last one.

    Where the answer is lost, or the run killed before it came, Nova may have done it all the same.
    """
    found: dict[str, Deletion] = {}
    for line in sorted(lines, key=lambda line: line.time):
        server = _SERVER.fullmatch(line.path)
        if not server or (line.method, line.service) != ("DELETE", "compute"):
            continue
        known = found.get(server[1])
        if known is None or not known.confirmed:
            found[server[1]] = Deletion(
                resource=server[1],
                at=line.time,
                run=line.run,
                confirmed=(line.step, line.result) == ("outcome", _DONE),
            )
    return tuple(found[resource] for resource in sorted(found))


def reconcile_deletions(
    charges: Iterable[Charge],
    deletions: Sequence[Deletion] | None,
    inventory: Sequence[InventoryItem] | None,
) -> Reconciliation:
    """Each of the fleets' servers is gone because we deleted it, and stood no day longer."""
    head = {
        "name": "audit-deletions",
        "question": "Did every server of a fleet end by a deletion of ours, and at once?",
        "ours": "the audit log",
        "theirs": "the usage ledger and the cloud's listing now",
        "overturned_by": "another worker's audit log, or a deletion by hand",
    }
    if deletions is None:
        return unproven(head, why="no audit log was given")
    if inventory is None:
        return unproven(head, why="nobody has looked at what stands now")
    ended = {deletion.resource: deletion for deletion in deletions}
    standing = {item.resource for item in inventory}
    last_days: dict[str, Charge] = {}
    for charge in sorted(charges, key=lambda charge: charge.day):
        if charge.fleet is not None:
            last_days[charge.resource] = charge
    found = [
        difference
        for _, charge in sorted(last_days.items())
        if (difference := _difference(charge, ended, standing)) is not None
    ]
    return judged(head, len(last_days), found)


def _difference(
    last: Charge, ended: Mapping[str, Deletion], standing: Collection[str]
) -> Difference | None:
    deletion, stands = ended.get(last.resource), last.resource in standing
    outlived = deletion is not None and (stands or last.day > deletion.at.date())
    if deletion is not None and outlived and deletion.confirmed:
        since = "stands now" if stands else f"was used on {last.day}"
        why = f"{since}, though run {deletion.run} deleted it on {deletion.at:%Y-%m-%d}"
        return _told(last, why, deleted=True)
    if not stands and (deletion is None or outlived):
        why = f"is gone since {last.day} and no deletion of ours says so: whose was it?"
        return _told(last, why, deleted=False)
    return None


def _told(last: Charge, why: str, *, deleted: bool) -> Difference:
    return Difference(
        subject=f"{last.resource} ({last.name})",
        ours=Decimal(int(deleted)),
        theirs=Decimal(int(not deleted)),
        unit="ends",
        explanation=why,
    )
