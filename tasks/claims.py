"""Claims, ceilings, freezes and notes, each a Prefect variable of its own.

A variable is created and never changed (creation is atomic, change is not), so two writers cannot
lose each other's entry. Notes are the exception: the newest wins, and losing one costs time only.
"""

import httpx
from prefect import task
from prefect.runtime import task_run
from prefect.variables import Variable

from springtide.errors import GuardRefused, SpringtideError
from springtide.model.base import Moment
from springtide.model.claim import Ceiling, Claim, ClaimBook, Freeze, Rollout
from springtide.model.surge import SurgeProposal, SurgeSpending
from springtide.planning.claim_book import PREFIX, Note, entry_name, read_book
from tasks.prefect_api import own_server

_STORE = "store"
STORE_CLAIM = f"{_STORE} claim "
"""How the names of task runs begin that store a claim."""
_OF_ITS_RUN = (Ceiling, Freeze, Rollout)
"""Whose key is made of their run's id: what stands under it this run has stored before."""
_ROLLOUT = {"image", "max_surge", "max_unavailable"}
_MEANING = {"fleet", "kind", "servers", "ends_at", "month", "amount", "plan"} | _ROLLOUT
"""What makes two entries of one key the same."""


async def read_claims(now: Moment) -> tuple[ClaimBook, dict[str, str]]:
    """All that is stored at `now`, and the names of entries that are over, with their fleets.

    An unreadable store is told as the book's trouble and raises nothing.
    """
    try:
        async with own_server() as server:
            entries = await server.entries(PREFIX)
    except (httpx.HTTPError, RuntimeError, SpringtideError) as error:
        return ClaimBook(trouble=f"the store of claims does not answer: {error}"), {}
    return read_book(entries, now)


def _storing() -> str:
    return f"{_STORE} {_told(entry_name(task_run.parameters['entry']))}"


def _clearing() -> str:
    return f"clear {_told(task_run.parameters['name'])}"


def _told(name: str) -> str:
    kind, _, key = name.removeprefix(PREFIX).partition("_")
    # A note's key says its kind already, as a claim's says why it is there.
    return key if key.startswith(f"{kind}-") else f"{kind} {key}"


@task(task_run_name=_storing, retries=2, retry_delay_seconds=1)
async def store_entry(
    entry: Claim | Ceiling | Freeze | Rollout | SurgeSpending | SurgeProposal,
) -> str:
    """Create the entry and return its name; one that says the same already is a success.

    Who says it and why may differ: a run that was killed is run again under another name. What a
    run that is retried has stored before holds until the end that it had then.

    Raises:
        GuardRefused: another entry of that key stands there already, or the run's own is over.
    """
    name, value = entry_name(entry), entry.model_dump(mode="json")
    try:
        await Variable.aset(name, value)
    except ValueError as error:
        there, meaning = await Variable.aget(name), _MEANING
        if isinstance(entry, _OF_ITS_RUN):
            meaning = _MEANING - {"ends_at"}
            if read_book({name: there}, entry.starts_at)[1]:
                raise GuardRefused(f"{name} is over: start a new run") from error
        if not isinstance(there, dict) or any(there.get(k) != value.get(k) for k in meaning):
            raise GuardRefused(f"{name} is stored already, and says something else") from error
    return name


@task(task_run_name="remember {note.key}", retries=2, retry_delay_seconds=1)
async def remember_note(note: Note) -> None:
    """Store a note, in place of an older one of the same key."""
    await Variable.aset(entry_name(note), note.model_dump(mode="json"), overwrite=True)


@task(task_run_name=_clearing)
async def clear_entry(name: str) -> bool:
    """Remove an entry that is over or was lifted; False where there was none."""
    return await Variable.aunset(name)
