"""How claims, ceilings, freezes and notes are written as entries of a key-value store, and read.

One entry each, made by an atomic create and never changed: two writers cannot lose each other's.
An entry that cannot be read is told as trouble, and trouble forbids removal.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from springtide.model.api_calls import CallsNote
from springtide.model.base import Moment
from springtide.model.claim import (
    EVERY_FLEET,
    Ceiling,
    Claim,
    ClaimBook,
    Death,
    ExhaustedMark,
    Freeze,
    Halt,
    ProvenImage,
    Rollout,
)
from springtide.model.leftover import SightedNote
from springtide.model.mistakes import mistakes
from springtide.model.startup import StartupNote
from springtide.model.surge import SurgeProposal, SurgeSpending
from springtide.model.traffic import TrafficNote

Note = (
    ExhaustedMark | ProvenImage | Death | Halt | TrafficNote | SightedNote | StartupNote | CallsNote
)
"""What is learnt and may be lost."""
Entry = Claim | Ceiling | Freeze | Rollout | SurgeSpending | SurgeProposal | Note
PREFIX = "springtide_"
_KINDS: dict[str, tuple[type[Entry], str]] = {
    "claim": (Claim, "claims"),
    "ceiling": (Ceiling, "ceilings"),
    "freeze": (Freeze, "freezes"),
    "exhausted": (ExhaustedMark, "exhausted"),
    "proven": (ProvenImage, "proven"),
    "death": (Death, "deaths"),
    "rollout": (Rollout, "rollouts"),
    "halt": (Halt, "halts"),
    "spending": (SurgeSpending, "spendings"),
    "proposal": (SurgeProposal, "proposals"),
    "traffic": (TrafficNote, "traffic"),
    "sighted": (SightedNote, "sighted"),
    "startup": (StartupNote, "startups"),
    "calls": (CallsNote, "calls"),
}
"""By the kind in an entry's name: what it is, and its place in the book."""
_SPOKEN = frozenset({"claim", "ceiling", "freeze", "spending", "rollout"})
"""Kinds whose loss could change what is desired or allowed; a lost note costs time only."""


def entry_name(entry: Entry) -> str:
    """The name under which an entry is stored: `springtide_<kind>_<key>`."""
    kind = next(kind for kind, (model, _) in _KINDS.items() if type(entry) is model)
    return f"{PREFIX}{kind}_{entry.key}"


def entry_end(entry: Entry) -> Moment:
    """When the entry has lost all meaning."""
    return entry.ends_at if isinstance(entry, Claim | Ceiling | Freeze | Rollout) else entry.until


def read_book(entries: Mapping[str, object], now: Moment) -> tuple[ClaimBook, dict[str, str]]:
    """The book that the stored entries make at `now`, and what is over: names with their fleets.

    `entries` are all stored names with their values; names without our prefix are ignored. A
    freeze that cannot be read is taken to hold, for all fleets.
    """
    found: dict[str, list[Entry]] = {place: [] for _, place in _KINDS.values()}
    troubles: list[str] = []
    over: dict[str, str] = {}
    for name, value in sorted(entries.items()):
        kind = _kind_of(name)
        if kind is None:
            continue
        model, place = _KINDS[kind]
        try:
            entry = model.model_validate(value)
        except ValidationError as error:
            if kind in _SPOKEN:
                troubles.append(f"{name} cannot be read: {error.errors()[0]['msg']}")
            if kind == "freeze":
                found[place].append(_unreadable_freeze(name, now))
            continue
        if entry_end(entry) <= now:
            over[name] = entry.fleet
        else:
            found[place].append(entry)
    book = ClaimBook.model_validate({**found, "trouble": "; ".join(troubles) or None})
    return book, over


def entry_mistakes(entries: Mapping[Any, object], fleets: Collection[str]) -> tuple[str, ...]:
    """What is wrong with entries that a person wrote down, a line for each mistake.

    The store has other tenants, whose names are ignored; here every entry is meant to be heard.
    `fleets` are all that the estate has.
    """
    return tuple(why for name, value in entries.items() for why in _mistakes(name, value, fleets))


def _mistakes(name: object, value: object, fleets: Collection[str]) -> Iterator[str]:
    kind = _kind_of(name) if isinstance(name, str) else None
    if kind is None:
        kinds = ", ".join(_KINDS)
        yield f"{name}: is no stored name: {PREFIX}<kind>_<key>, the kind one of {kinds}"
        return
    model, _ = _KINDS[kind]
    try:
        entry = model.model_validate(value)
    except ValidationError as error:
        yield from (f"{name}: {mistake}" for mistake in mistakes(error, model))
        return
    if entry.fleet not in (*fleets, EVERY_FLEET):
        yield f"{name}: no fleet {entry.fleet!r} in the estate (allowed: {', '.join(fleets)})"


def _kind_of(name: str) -> str | None:
    """The kind in a stored name; None: it is somebody else's."""
    kind = name.removeprefix(PREFIX).split("_", 1)[0]
    return kind if name.startswith(PREFIX) and kind in _KINDS else None


def _unreadable_freeze(name: str, now: Moment) -> Freeze:
    """Somebody wanted nothing to change: until it can be read or is lifted, nothing does."""
    return Freeze(
        key="unreadable",
        fleet=EVERY_FLEET,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        owner="unknown",
        reason=f"{name} cannot be read",
    )
