"""Which documents go to object storage alone, and what people are told of it.

Rule: a document that was neither changed nor read for `untouched_days` is stored first, and removed
from where it was in a later run, once it is whole at both sites. The longest untouched go first; no
run takes more than its share.

Example: at 730 days and 10,000 files a run, a source with 25,000 such files is through after three
runs that store and three that remove.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from springtide.model.offload import FetchOutcome, OffloadOutcome, OffloadPolicy
from springtide.planning.telling import Row, amount, megabytes

_NAMED = 3


class Document(NamedTuple):
    """A file at the source."""

    path: bytes
    size: int
    touched: datetime
    """When it was last changed or read, whichever is later."""


def untouched(
    documents: Iterable[Document], policy: OffloadPolicy, now: datetime
) -> tuple[Document, ...]:
    """Those that nobody has touched for long enough, the longest untouched first."""
    before = now - timedelta(days=policy.untouched_days)
    due = (d for d in documents if d.touched <= before and d.size >= policy.least_bytes)
    return tuple(sorted(due, key=lambda each: (each.touched, each.path)))


def plan_offload(due: Iterable[Document], policy: OffloadPolicy) -> tuple[Document, ...]:
    """The first of them that one run takes, within its caps; a first one always fits."""
    chosen: list[Document] = []
    size = 0
    for document in islice(due, policy.most_files):
        size += document.size
        if chosen and size > policy.most_bytes:
            break
        chosen.append(document)
    return tuple(chosen)


def offload_rows(outcomes: Iterable[OffloadOutcome]) -> list[Row]:
    """One row for each part; no path, no file's name."""
    return [
        {
            "part": str(each.part),
            "untouched": f"{each.untouched_files} ({megabytes(each.untouched_bytes)})",
            "to store" if each.dry_run else "stored": _files(each.stored_files, each.stored_bytes),
            "to remove" if each.dry_run else "removed": _files(
                each.removed_files, each.removed_bytes
            ),
            "waits for the second site": str(each.waiting_files),
            "kept": str(each.kept_files),
            "what": "; ".join(each.failures[:_NAMED]) or each.snapshot[:8],
        }
        for each in outcomes
    ]


def offload_summary(source: str, outcomes: tuple[OffloadOutcome, ...]) -> str:
    """One line for the run."""
    would = "dry run: " if any(each.dry_run for each in outcomes) else ""
    stored = _files(
        sum(each.stored_files for each in outcomes), sum(each.stored_bytes for each in outcomes)
    )
    removed = _files(
        sum(each.removed_files for each in outcomes), sum(each.removed_bytes for each in outcomes)
    )
    waiting = sum(each.waiting_files for each in outcomes)
    return (
        f"{source}: {would}{stored} stored, {removed} removed, {waiting} wait for the second site"
    )


def offload_alarm(source: str, outcomes: tuple[OffloadOutcome, ...]) -> str | None:
    """Why the run has failed; None: nothing is wrong."""
    failures = [failure for each in outcomes for failure in each.failures]
    if not failures:
        return None
    told = "; ".join(failures[:_NAMED])
    return f"{source}: nothing was removed that is not whole at both sites: {told}"


def fetch_summary(found: FetchOutcome) -> str:
    """One line for the run."""
    if found.was_there:
        return f"{found.source}: the document stands there already, and was left as it is"
    return (
        f"{found.source}: {megabytes(found.bytes)} back in their place after {found.took_s:.1f} s"
    )


def fetch_alarm(found: FetchOutcome) -> str | None:
    """Why the run has failed; None: the document stands as it stood."""
    wrong = []
    if found.lacking:
        wrong.append(
            f"has not all of its owner, mode, time and attributes ({found.lacking}): set them by"
            " hand; only as root a worker can set owners"
        )
    if found.unread:
        wrong.append(f"may be older than what was offloaded last: {found.unread}")
    return f"{found.source}: the document is back, and {'; and '.join(wrong)}" if wrong else None


def _files(count: int, size: int) -> str:
    return f"{amount(count, 'file')} ({megabytes(size)})"
