"""Lines of the audit log, read back from a time on: of a site, or of this machine's own folder.

What is read is what stands there: whether anybody has changed it is for `verification` to say.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path

from pydantic import ValidationError

from springtide.auditing.objects import joined_lines, read_seal, stored_runs, stored_seals
from springtide.errors import Damaged
from springtide.model.audit import AuditLine
from springtide.model.object_storage import Store

_EVER = datetime.min.replace(tzinfo=UTC)


def archived_lines(store: Store, since: datetime) -> Iterator[AuditLine]:
    """The lines since then of all runs that have been sealed since then, run by run.

    Raises:
        Damaged: something there is no seal, or no line; it names the object or the run.
        NotFound: an object went while it was read.
        Retryable: the store does not answer.
    """
    sealed = _sealed_since(store, since)
    for run, objects in stored_runs(store):
        if run in sealed:
            yield from _parsed(joined_lines(store, objects), since, f"run {run}")


def run_lines(store: Store, run: str) -> Iterator[AuditLine]:
    """A flow run's lines by their time, of all workers that it ran on; or those of one chain.

    Raises:
        Damaged: something there is no line; it names the chain.
    """
    found = dict(stored_runs(store, run))
    # A worker's name may go on with a dot, too: a whole chain's name means that one.
    names = [run] if "." in run and run in found else [n for n in found if _is_of(n, run)]
    chains = (_parsed(joined_lines(store, found[name]), _EVER, f"run {name}") for name in names)
    return merge(*chains, key=lambda line: line.time)


def _is_of(chain: str, run: str) -> bool:
    return chain == run or chain.startswith(f"{run}.")


def local_lines(folder: Path, since: datetime) -> Iterator[AuditLine]:
    """The lines since then that this machine's runs have written and that still stand here.

    Raises:
        Damaged: a file has something that is no line; it is named.
    """
    for path in sorted(folder.glob("*.jsonl")):
        if path.stat().st_mtime >= since.timestamp():
            # The last one has no end as yet where a run is just writing it.
            yield from _parsed(path.read_bytes().split(b"\n")[:-1], since, path.name)


def _sealed_since(store: Store, since: datetime) -> set[str]:
    runs: set[str] = set()
    for worker, newest in stored_seals(store).items():
        for number in range(newest, 0, -1):
            found = read_seal(store, worker, number)
            if found is not None and found[1].at < since:
                break
            runs |= {run.run for run in found[1].runs} if found else set()
    return runs


def _parsed(lines: Iterable[bytes], since: datetime, where: str) -> Iterator[AuditLine]:
    for number, line in enumerate(lines, start=1):
        try:
            parsed = AuditLine.model_validate_json(line)
        except ValidationError as error:
            raise Damaged(f"{where}: line {number} is no audit line", objects=(where,)) from error
        if parsed.time >= since:
            yield parsed
