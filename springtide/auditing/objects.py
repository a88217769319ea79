"""Names of the audit log's objects, and how they are read.

`runs/<run>/<first>-<last>.jsonl` holds lines of a run, `seals/<worker>/<number>.json` a signed
seal. None is ever changed or removed by us: a longer run has further objects. A flow run is a run
on each worker that it ran on, `<flow run's id>.<worker>`; one of before has no worker in its name.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from springtide.errors import Damaged, NotFound
from springtide.model.audit import Seal, SignedSeal
from springtide.model.object_storage import Store

RUNS, SEALS = "runs/", "seals/"
_LINES = re.compile(r"runs/(?P<run>[^/]+)/(?P<first>\d{8})-(?P<last>\d{8})\.jsonl")
_SEAL = re.compile(r"seals/(?P<worker>[^/]+)/(?P<number>\d{8})\.json")


def lines_name(run: str, first: int, last: int) -> str:
    """The object of those lines, counted from 1, both included."""
    return f"{RUNS}{run}/{first:08d}-{last:08d}.jsonl"


def seal_name(worker: str, number: int) -> str:
    """The object of that seal."""
    return f"{SEALS}{worker}/{number:08d}.json"


def stored_runs(
    store: Store, beginning: str = ""
) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    """Each run whose name begins so, with its objects: first and last line and name, in order."""
    found = (_LINES.fullmatch(each.name) for each in store.listing(f"{RUNS}{beginning}"))
    objects = sorted((m["run"], int(m["first"]), int(m["last"]), m[0]) for m in found if m)
    for run, group in groupby(objects, key=lambda each: each[0]):
        yield run, [(first, last, name) for _, first, last, name in group]


def stored_seals(store: Store) -> dict[str, int]:
    """Each worker with the number of its newest seal.

    A listing may be late, so seals beyond the listed ones are asked for by name.
    """
    newest: dict[str, int] = {}
    for each in store.listing(SEALS):
        if match := _SEAL.fullmatch(each.name):
            newest[match["worker"]] = max(newest.get(match["worker"], 0), int(match["number"]))
    return {worker: last_seal(store, worker, number) for worker, number in newest.items()}


def last_seal(store: Store, worker: str, listed: int) -> int:
    """The number of the worker's newest seal, which is `listed` or follows it."""
    while store.size(seal_name(worker, listed + 1)) is not None:
        listed += 1
    return listed


def read_seal(store: Store, worker: str, number: int) -> tuple[SignedSeal, Seal] | None:
    """That seal with its signature, not verified; None where it is gone.

    Raises:
        Damaged: it is there and cannot be read.
    """
    name = seal_name(worker, number)
    try:
        signed = SignedSeal.model_validate_json(store.get(name))
        return signed, Seal.model_validate_json(signed.seal)
    except NotFound:
        return None
    except ValueError as error:
        raise Damaged(f"{name} is no seal", objects=(name,)) from error


def joined_lines(store: Store, objects: Iterable[tuple[int, int, str]]) -> list[bytes]:
    """A run's lines, without their ends, as far as its objects go without a gap."""
    lines: list[bytes] = []
    for first, _, name in objects:
        if first > len(lines) + 1:
            break
        lines[first - 1 :] = store.get(name).splitlines()
    return lines
