"""How claims, ceilings, freezes and notes are written as entries of a key-value store, and read.

One entry each, made by an atomic create and never changed: two writers cannot lose each other's.
An entry that cannot be read is told as trouble, and trouble forbids removal.
"""

from collections.abc import Mapping
from datetime import timedelta

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
from springtide.model.startup import StartupNote
from springtide.model.surge import SurgeProposal, SurgeSpending
from springtide.model.traffic import TrafficNote

Note = (
    ExhaustedMark | ProvenImage | Death | Halt | TrafficNote | SightedNote | StartupNote | CallsNote
)
"""What is learnt and may be lost."""
Entry = Claim | Ceiling | Freeze | Rollout | SurgeSpending | SurgeProposal | Note
PREFIX = "springtide_"
_KINDS: dict[str, type[Entry]] = {
    "claim": Claim,
    "ceiling": Ceiling,
    "freeze": Freeze,
    "exhausted": ExhaustedMark,
    "proven": ProvenImage,
    "death": Death,
    "rollout": Rollout,
    "halt": Halt,
    "spending": SurgeSpending,
    "proposal": SurgeProposal,
    "traffic": TrafficNote,
    "sighted": SightedNote,
    "startup": StartupNote,
    "calls": CallsNote,
}
_SPOKEN = frozenset({"claim", "ceiling", "freeze", "spending", "rollout"})
"""Kinds whose loss could change what is desired or allowed; a lost note costs time only."""


def entry_name(entry: Entry) -> str:
    """The name under which an entry is stored: `springtide_<kind>_<key>`."""
    kind = next(kind for kind, model in _KINDS.items() if type(entry) is model)
    return f"{PREFIX}{kind}_{entry.key}"


def entry_end(entry: Entry) -> Moment:
    """When the entry has lost all meaning."""
    return entry.ends_at if isinstance(entry, Claim | Ceiling | Freeze | Rollout) else entry.until


def read_book(entries: Mapping[str, object], now: Moment) -> tuple[ClaimBook, dict[str, str]]:
    """The book that the stored entries make at `now`, and what is over: names with their fleets.

    `entries` are all stored names with their values; names without our prefix are ignored. A
    freeze that cannot be read is taken to hold, for all fleets.
    """
    found: dict[str, list[Entry]] = {kind: [] for kind in _KINDS}
    troubles: list[str] = []
    over: dict[str, str] = {}
    for name, value in sorted(entries.items()):
        kind = name.removeprefix(PREFIX).split("_", 1)[0]
        if not name.startswith(PREFIX) or kind not in _KINDS:
            continue
        try:
            entry = _KINDS[kind].model_validate(value)
        except ValidationError as error:
            if kind in _SPOKEN:
                troubles.append(f"{name} cannot be read: {error.errors()[0]['msg']}")
            if kind == "freeze":
                found[kind].append(_unreadable_freeze(name, now))
            continue
        if entry_end(entry) <= now:
            over[name] = entry.fleet
        else:
            found[kind].append(entry)
    book = ClaimBook.model_validate(
        {
            "claims": found["claim"],
            "ceilings": found["ceiling"],
            "freezes": found["freeze"],
            "exhausted": found["exhausted"],
            "proven": found["proven"],
            "deaths": found["death"],
            "rollouts": found["rollout"],
            "halts": found["halt"],
            "spendings": found["spending"],
            "proposals": found["proposal"],
            "traffic": found["traffic"],
            "sighted": found["sighted"],
            "startups": found["startup"],
            "calls": found["calls"],
            "trouble": "; ".join(troubles) or None,
        }
    )
    return book, over


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
