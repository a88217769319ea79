"""Verification: each chain from its beginning, each seal by its signature, each against the other.

What it finds is told, not judged: `Doubt` lists what there is. A log in which nothing is found was
not changed since it was sealed, provided that the workers' keys are theirs alone. Lines that were
never sealed, for their worker died before, are as good as that worker's disk.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import ValidationError

from springtide.auditing.objects import read_seal, stored_runs, stored_seals
from springtide.errors import Damaged, GuardRefused, NotFound
from springtide.model.audit import (
    AuditLine,
    AuditVerdict,
    Doubt,
    Finding,
    RunSeal,
    Seal,
    SignedSeal,
    beginning_of,
    broken_at,
    digest_of,
)
from springtide.model.object_storage import Store

Signatory = Callable[[str, str], str]
"""Text and signature → the signer's name; `GuardRefused` where the signature does not count."""

SEALED_WITHIN = timedelta(hours=1)
SIGNED_WITHIN = timedelta(hours=26)
"""A worker seals once a day at least; both sites hear of it within the hour after."""
ENDED_WITHIN = timedelta(hours=1)
"""An act takes minutes at most; a run that was killed leaves its last one without an outcome."""
AHEAD_WITHIN = timedelta(minutes=5)
"""No worker's clock is further ahead of the store's."""


@dataclass
class _Seen:
    """What has been read so far."""

    findings: list[Finding] = field(default_factory=list)
    runs: dict[str, list[RunSeal]] = field(default_factory=dict)
    """What the seals say of each run, oldest first."""
    sealed_at: dict[str, datetime] = field(default_factory=dict)
    """When each run was sealed last."""
    newest: dict[str, Seal] = field(default_factory=dict)
    """Each worker's newest seal that can be read."""
    seals: int = 0
    lines: int = 0

    def doubt(self, doubt: Doubt, subject: str, detail: str) -> None:
        """Keep a finding."""
        self.findings.append(Finding(doubt=doubt, subject=subject, detail=detail))


def verify(
    store: Store,
    signatory: Signatory,
    *,
    site: str,
    since: datetime | None,
    retired: Collection[str] = (),
) -> AuditVerdict:
    """What stands at that site, read as a whole; with `since` without runs that were sealed before.

    Of workers that are `retired` no new seals are waited for.

    Raises:
        Retryable: the store does not answer.
    """
    seen, now = _Seen(), store.now()
    for worker, newest in sorted(stored_seals(store).items()):
        _read_seals(store, worker, newest, signatory, seen)
    _check_signs_of_life(retired, now, seen)
    stored = dict(stored_runs(store))
    old = {run for run, at in seen.sealed_at.items() if since is not None and at < since}
    runs = sorted((stored.keys() | seen.runs.keys()) - old)
    for run in runs:
        _check_run(store, run, stored.get(run, []), now, seen)
    return AuditVerdict(
        site=site,
        seals=seen.seals,
        runs=len(runs),
        lines=seen.lines,
        findings=tuple(seen.findings),
    )


def _read_seals(store: Store, worker: str, newest: int, signatory: Signatory, seen: _Seen) -> None:
    subject = f"worker {worker}"
    previous: str | None = beginning_of(worker)
    for number in range(1, newest + 1):
        try:
            found = read_seal(store, worker, number)
        except Damaged as error:
            seen.doubt(Doubt.CHANGED, subject, str(error))
            previous = None
            continue
        if found is None:
            seen.doubt(Doubt.MISSING, subject, f"seal {number} of {newest} is gone")
            previous = None
            continue
        signed, seal = found
        if (seal.worker, seal.number) != (worker, number):
            detail = f"seal {number} is that of {seal.worker}, number {seal.number}"
            seen.doubt(Doubt.CHANGED, subject, detail)
            continue
        if previous is not None and seal.previous != previous:
            seen.doubt(Doubt.CHANGED, subject, f"seal {number} does not follow from {number - 1}")
        previous = digest_of(signed.seal.encode())
        seen.seals += 1
        seen.newest[worker] = seal
        _check_signature(signatory, signed, seal, seen)
        for run in seal.runs:
            seen.runs.setdefault(run.run, []).append(run)
            seen.sealed_at[run.run] = seal.at


def _check_signs_of_life(retired: Collection[str], now: datetime, seen: _Seen) -> None:
    """What a stopped archiving has not stored is not here to be missed: its seals are."""
    for worker, seal in sorted(seen.newest.items()):
        if worker not in retired and seal.at < now - SIGNED_WITHIN:
            detail = f"its newest seal, {seal.number}, is of {seal.at:%Y-%m-%d %H:%M}"
            seen.doubt(Doubt.UNSEALED, f"worker {worker}", f"{detail}: has its archiving stopped?")


def _check_signature(signatory: Signatory, signed: SignedSeal, seal: Seal, seen: _Seen) -> None:
    subject = f"worker {seal.worker}"
    try:
        name = signatory(signed.seal, signed.signature)
    except GuardRefused as error:
        seen.doubt(Doubt.UNSIGNED, subject, f"seal {seal.number}: {error}")
        return
    if name != seal.worker:
        seen.doubt(Doubt.UNSIGNED, subject, f"seal {seal.number} is signed by {name}")


def _check_run(
    store: Store, run: str, objects: list[tuple[int, int, str]], now: datetime, seen: _Seen
) -> None:
    subject, seals = f"run {run}", seen.runs.get(run, [])
    if not objects:
        seen.doubt(Doubt.MISSING, subject, f"it is sealed to line {seals[-1].lines} and is gone")
        return
    lines = _lines(store, objects, subject, seen)
    seen.lines += len(lines)
    if (number := broken_at(lines, run)) is not None:
        detail = f"line {number} does not follow from the one before it"
        seen.doubt(Doubt.CHANGED, subject, detail)
        return
    for seal in seals:
        if seal.lines > len(lines):
            seen.doubt(
                Doubt.CUT, subject, f"it is sealed to line {seal.lines} and ends with {len(lines)}"
            )
        elif digest_of(lines[seal.lines - 1]) != seal.head:
            seen.doubt(Doubt.CHANGED, subject, f"line {seal.lines} is not the one that was sealed")
    told = _parsed(lines, subject, seen)
    _check_times(told, seals[-1].lines if seals else 0, subject, now, seen)


def _parsed(lines: list[bytes], subject: str, seen: _Seen) -> list[AuditLine]:
    parsed: list[AuditLine] = []
    odd: list[int] = []
    for number, line in enumerate(lines, start=1):
        try:
            parsed.append(AuditLine.model_validate_json(line))
        except ValidationError:
            odd.append(number)
    if odd:
        more = f" (and {len(odd) - 1} more)" if odd[1:] else ""
        detail = f"line {odd[0]}{more} is no audit line, or one of a newer version"
        seen.doubt(Doubt.CHANGED, subject, detail)
    return parsed


def _check_times(
    lines: list[AuditLine], sealed: int, subject: str, now: datetime, seen: _Seen
) -> None:
    # Whoever appends lines chooses their times: the oldest counts, and none may be yet to come.
    unsealed = [line.time for line in lines if line.number > sealed]
    if unsealed and min(unsealed) < now - SEALED_WITHIN:
        oldest = f"{min(unsealed):%Y-%m-%d %H:%M}"
        detail = f"from line {sealed + 1} on it is under no seal, the oldest line of {oldest}"
        seen.doubt(Doubt.UNSEALED, subject, detail)
    ahead = next((line for line in lines if line.time > now + AHEAD_WITHIN), None)
    if ahead is not None:
        detail = f"line {ahead.number} is of {ahead.time:%Y-%m-%d %H:%M}, which is yet to come"
        seen.doubt(Doubt.AHEAD, subject, detail)
    ended = {line.act for line in lines if line.step == "outcome"}
    for line in lines:
        if line.act not in ended and line.time < now - ENDED_WITHIN:
            detail = f"line {line.number}: {line.method} {line.path} in {line.region}: {line.why}"
            seen.doubt(Doubt.UNFINISHED, subject, detail)


def _lines(
    store: Store, objects: list[tuple[int, int, str]], subject: str, seen: _Seen
) -> list[bytes]:
    """The run's lines from the first on, as far as they go without a gap.

    Objects may overlap: one that was stored and not sealed any more is stored again, longer.
    """
    lines: list[bytes] = []
    for first, last, name in objects:
        try:
            found = store.get(name).split(b"\n")[:-1]
        except NotFound:
            seen.doubt(Doubt.MISSING, subject, f"{name} is listed and gone")
            continue
        if len(found) != last - first + 1:
            seen.doubt(Doubt.CHANGED, subject, f"{name} ends with line {first + len(found) - 1}")
        if first > len(lines) + 1:
            detail = f"lines {len(lines) + 1} to {first - 1} are gone"
            seen.doubt(Doubt.MISSING, subject, detail)
            break
        known = len(lines) - first + 1
        if lines[first - 1 :] != found[:known]:
            seen.doubt(Doubt.CONFLICT, subject, f"{name} tells other lines than those before it")
        lines.extend(found[known:])
    return lines
