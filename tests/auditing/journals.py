"""Runs that left their lines, and a worker that seals them with a key of its own."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

from springtide.auditing.archive import archive
from springtide.auditing.verification import verify
from springtide.clouds.audit import AuditLog
from springtide.errors import GuardRefused
from springtide.model.audit import AuditVerdict, Seal
from tests.vault.folder_store import FolderStore

WORKER = "worker-1"


def write(folder: Path, run: str, acts: int = 1, *, outcomes: bool = True) -> None:
    """So many acts of that run, ended or not."""
    audit = AuditLog(folder, run=run, who="tests")
    for number in range(acts):
        with audit.change(
            "POST", f"/servers/{number}", region="GRA11", service="compute", why="why"
        ):
            pass
        if not outcomes:
            path = folder / f"{run}.jsonl"
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def signature_of(text: str, worker: str = WORKER) -> str:
    """What stands for an SSH signature here: whose it is, and over what."""
    return f"{worker} {hashlib.sha256(text.encode()).hexdigest()}"


def signatory(text: str, signature: str) -> str:
    """The signer's name."""
    name = signature.partition(" ")[0]
    if signature != signature_of(text, name):
        raise GuardRefused("signature: not of this text")
    return name


def sealed(folder: Path, store: FolderStore, worker: str = WORKER) -> Seal | None:
    """What the archive makes of the folder."""
    return archive(
        folder, store, worker=worker, sign=lambda text: signature_of(text, worker), keep_days=30
    )


def verified(
    store: FolderStore, since: datetime | None = None, *, retired: tuple[str, ...] = ()
) -> AuditVerdict:
    """What a verification sees."""
    return verify(store, signatory, site="first", since=since, retired=retired)


class Later(FolderStore):
    """The same folder, so much later."""

    def __init__(self, folder: Path, by: timedelta) -> None:
        """`by` from now on."""
        super().__init__(folder)
        self._by = by

    def now(self) -> datetime:
        """By its clock."""
        return super().now() + self._by


def doubts(store: FolderStore) -> list[tuple[str, str]]:
    """Kind and subject of each finding."""
    return [(found.doubt.value, found.subject) for found in verified(store).findings]


LONG_AGO = datetime(2026, 1, 5, 16, tzinfo=UTC)


def aged(folder: Path, run: str, at: datetime = LONG_AGO, *later: datetime) -> None:
    """The run's lines as they would be, had they been written then: one each, the others last."""
    path, previous = folder / f"{run}.jsonl", ""
    lines: list[str] = []
    times = chain((at, *later), repeat((at, *later)[-1]))
    for text, time in zip(path.read_text("utf-8").splitlines(), times, strict=False):
        line = json.loads(text) | {"time": time.isoformat()}
        line["previous"] = previous or line["previous"]
        raw = json.dumps(line, sort_keys=True)
        previous = hashlib.sha256(raw.encode()).hexdigest()
        lines.append(raw + "\n")
    path.write_text("".join(lines), "utf-8")
