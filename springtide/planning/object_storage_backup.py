"""What people are told of backups: tables, one line, and whether it is an alarm."""

from collections.abc import Iterable

from springtide.model.backup import PartOutcome, VaultExpiry, VaultVerification
from springtide.planning.telling import MB, Row, amount, megabytes
from springtide.planning.wal_archive import wal_state_alarm, wal_state_rows


def backup_rows(outcomes: Iterable[PartOutcome]) -> list[Row]:
    """One row for each part; no path, no file's name."""
    return [
        {
            "part": str(each.part),
            "what": each.failure or "confirmed",
            "files": f"{each.files} ({each.unchanged_files} unchanged)",
            "unreadable": str(each.unreadable),
            "changed meanwhile": str(each.changed),
            "size": megabytes(each.bytes),
            "new": megabytes(each.new_bytes),
            "sent": f"{megabytes(each.stored_bytes)} in {amount(each.packs, 'pack')}",
            "read back": amount(each.read_back_packs, "pack"),
            "speed": f"{each.read_bytes / MB / each.took_s:.0f} MB/s" if each.took_s else "",
            "snapshot": each.snapshot[:8] or "none",
        }
        for each in outcomes
    ]


def backup_summary(source: str, outcomes: tuple[PartOutcome, ...]) -> str:
    """One line for the run."""
    files = sum(each.files for each in outcomes)
    size, new = sum(each.bytes for each in outcomes), sum(each.new_bytes for each in outcomes)
    adopted = sum(each.adopted_packs for each in outcomes)
    taken = f", {amount(adopted, 'pack')} of a killed run taken over" if adopted else ""
    told = f"{amount(files, 'file')} of {megabytes(size)}"
    return f"{source}: {told}, {megabytes(new)} of them new{taken}"


def backup_alarm(source: str, outcomes: tuple[PartOutcome, ...]) -> str | None:
    """Why the run has failed; None: everything that was to be read stands, confirmed."""
    failed = [f"part {each.part}: {each.failure}" for each in outcomes if each.failure]
    if failed:
        return f"{source}: {'; '.join(failed)}"
    unreadable = sum(each.unreadable for each in outcomes)
    if unreadable:
        return (
            f"{source}: {unreadable} of its files and directories could not be read;"
            " the rest is stored: springtide vault report says which"
        )
    return None


def verification_rows(found: VaultVerification) -> list[Row]:
    """What is wrong first; then how old the newest backups are."""
    rows: list[Row] = [{"what": each.name, "is": each.fault} for each in found.findings]
    for age in found.ages:
        newest = f"{age.newest:%Y-%m-%d %H:%M} UTC" if age.newest else "never"
        late = ", too long ago" if age.overdue else ""
        rows.append(
            {"what": f"{age.source}, part {age.part}", "is": f"last backed up: {newest}{late}"}
        )
    for log in found.logs:
        rows += [row | {"what": f"{log.source}: {row['what']}"} for row in wal_state_rows(log)]
    return rows or [{"what": "nothing", "is": "no source is backed up to this vault"}]


def verification_summary(found: VaultVerification) -> str:
    """One line for the run."""
    return (
        f"{found.vault}: {amount(found.packs, 'pack')} there, {found.read_packs} of them read"
        f" ({megabytes(found.read_bytes)}, {found.part}); whole snapshots: {found.snapshots}"
    )


def verification_alarm(found: VaultVerification) -> str | None:
    """Why the run has failed; None: all is well."""
    wrong = [f"{finding.name} {finding.fault}" for finding in found.findings[:3]]
    if len(found.findings) > len(wrong):
        wrong.append(f"and {len(found.findings) - len(wrong)} more")
    late = [f"{age.source}, part {age.part}, is overdue" for age in found.ages if age.overdue]
    late += [alarm for log in found.logs if (alarm := wal_state_alarm(log)) is not None]
    return f"{found.vault}: {'; '.join(wrong + late)}" if wrong or late else None


def expiry_rows(found: VaultExpiry) -> list[Row]:
    """One row for each snapshot, and what became of packs."""
    rows: list[Row] = [
        {
            "snapshot": each.snapshot[:8],
            "source": each.source,
            "time": f"{each.at:%Y-%m-%d %H:%M} UTC",
            "what": "stays" if each.kept else _gone(found),
            "why": ", ".join(each.reasons),
        }
        for each in found.verdicts
    ]
    told = [("prune waits", each) for each in found.blocked]
    if found.again_at is not None:
        told.append(("prune goes on", f"from {found.again_at:%Y-%m-%d %H:%M} UTC"))
    rows += [{"snapshot": "", "source": "", "time": "", "what": w, "why": y} for w, y in told]
    return rows or [{"snapshot": "", "source": "", "time": "", "what": "nothing to do", "why": ""}]


def _gone(found: VaultExpiry) -> str:
    return "would go" if found.dry_run else "removed"


def expiry_summary(found: VaultExpiry) -> str:
    """One line for the run."""
    going = sum(not each.kept for each in found.verdicts)
    cost = f", {found.freed_per_month:.2f} EUR a month" if found.freed_per_month else ""
    would = "dry run: " if found.dry_run else ""
    known = amount(len(found.verdicts), "snapshot")
    return (
        f"{found.vault}: {would}{going} of {known} {_gone(found)};"
        f" {megabytes(found.freed)} of {megabytes(found.size)} are superfluous{cost};"
        f" {amount(found.tombstoned_packs, 'pack')} tombstoned, {found.deleted_packs} deleted"
    )
