"""Archiving: a worker's new lines go to object storage, and then under its seal.

A run of it that is killed anywhere is made good by the next one: lines are stored before they are
sealed, a stored line is never changed, and what was sealed can be told from the seals themselves.
"""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from springtide.auditing.objects import lines_name, read_seal, seal_name, stored_seals
from springtide.errors import Damaged, GuardRefused
from springtide.model.audit import (
    RunSeal,
    Seal,
    SignedSeal,
    beginning_of,
    broken_at,
    digest_of,
)
from springtide.model.object_storage import Store

SIGN_OF_LIFE = timedelta(days=1)
"""A worker without changes seals that often all the same."""
_SEALED = "sealed.json"
"""How many lines of each run are sealed: can be deleted, and is read from the seals again."""


def archive(
    folder: Path, store: Store, *, worker: str, sign: Callable[[str], str], keep_days: int
) -> Seal | None:
    """The new seal over all that this worker's runs have written since; None: nothing new.

    Once a day there is one over nothing: so a worker that has nothing to tell can be told from one
    whose archiving has stopped. Runs whose lines are all sealed and older than `keep_days` leave
    the folder.

    Raises:
        Damaged: runs whose lines are no chain here, or other ones than are stored: all are named,
            and they alone are not sealed.
        GuardRefused: another archiving is under way here, or one elsewhere has this worker's name.
    """
    with _alone(folder):
        number = stored_seals(store).get(worker, 0)
        sealed = _sealed(folder, store, worker, number)
        runs, troubles = _stored(folder, store, sealed)
        at = store.now()
        if not runs and not troubles:
            _tidy(folder, sealed, before=at - timedelta(days=keep_days))
            if _sealed_at(store, worker, number) > at - SIGN_OF_LIFE:
                return None
        seal = None
        if runs or not troubles:
            seal = Seal(
                worker=worker,
                number=number + 1,
                previous=_previous(store, worker, number),
                at=at,
                runs=runs,
            )
            _put_seal(store, seal, sign)
            _remember(folder, sealed | {run.run: run.lines for run in runs}, seal.number)
        if troubles:
            raise Damaged("; ".join(troubles))
        return seal


def _stored(
    folder: Path, store: Store, sealed: dict[str, int]
) -> tuple[tuple[RunSeal, ...], list[str]]:
    """The runs that have grown, their new lines stored; and what is wrong with others."""
    runs: list[RunSeal] = []
    troubles: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        try:
            run = _stored_run(path, store, sealed.get(path.stem, 0))
        except (Damaged, GuardRefused) as error:
            troubles.append(str(error))
        else:
            runs += [run] if run else []
    return tuple(runs), troubles


def _stored_run(path: Path, store: Store, before: int) -> RunSeal | None:
    """The run as it is to be sealed, its lines after those stored; None: there are none."""
    run = path.stem
    # What follows the last line end is being written, or was torn.
    lines = path.read_bytes().split(b"\n")[:-1]
    if len(lines) < before:
        raise Damaged(f"{run}: it is sealed to line {before} and ends with {len(lines)} here")
    if len(lines) == before:
        return None
    if (number := broken_at(lines, run)) is not None:
        raise Damaged(f"{run}: line {number} does not follow from the one before it")
    new = b"".join(line + b"\n" for line in lines[before:])
    _put_once(store, lines_name(run, before + 1, len(lines)), new)
    return RunSeal(run=run, lines=len(lines), head=digest_of(lines[-1]))


def _previous(store: Store, worker: str, number: int) -> str:
    if number == 0:
        return beginning_of(worker)
    return digest_of(_newest(store, worker, number)[0].seal.encode())


def _sealed_at(store: Store, worker: str, number: int) -> datetime:
    if number == 0:
        return datetime.min.replace(tzinfo=UTC)
    return _newest(store, worker, number)[1].at


def _newest(store: Store, worker: str, number: int) -> tuple[SignedSeal, Seal]:
    found = read_seal(store, worker, number)
    if found is None:
        raise Damaged(f"{seal_name(worker, number)} is gone")
    return found


def _put_seal(store: Store, seal: Seal, sign: Callable[[str], str]) -> None:
    text = seal.raw().decode()
    signed = SignedSeal(seal=text, signature=sign(text))
    _put_once(store, seal_name(seal.worker, seal.number), signed.model_dump_json().encode())


def _put_once(store: Store, name: str, data: bytes) -> None:
    """Store it, and make sure that it is ours: of the same size, another's would pass for it."""
    try:
        store.put(name, data)
        ours = store.get(name) == data
    except Damaged:
        ours = False
    if not ours:
        raise GuardRefused(f"{name} stands already with another content: who else archives here?")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".archiving").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GuardRefused(f"{folder} is being archived by another program") from error
        yield


def _sealed(folder: Path, store: Store, worker: str, number: int) -> dict[str, int]:
    try:
        known = json.loads((folder / _SEALED).read_bytes())
        if known["seal"] == number:
            return {str(run): int(lines) for run, lines in known["runs"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found: dict[str, int] = {}
    for each in range(1, number + 1):
        if (pair := read_seal(store, worker, each)) is not None:
            found |= {run.run: run.lines for run in pair[1].runs}
    return {run: lines for run, lines in found.items() if (folder / f"{run}.jsonl").exists()}


def _remember(folder: Path, sealed: dict[str, int], number: int) -> None:
    partial = folder / f".{_SEALED}"
    partial.write_text(json.dumps({"seal": number, "runs": sealed}), "utf-8")
    partial.replace(folder / _SEALED)


def _tidy(folder: Path, sealed: dict[str, int], *, before: datetime) -> None:
    for run in sealed:
        path = folder / f"{run}.jsonl"
        if path.exists() and path.stat().st_mtime < before.timestamp():
            path.unlink()
