"""Claims as entries of a store: written, read, over, broken, and other people's."""

from datetime import datetime, timedelta

import pytest

from springtide.model.api_calls import CallCount, CallsNote
from springtide.model.base import Model
from springtide.model.claim import Ceiling, Claim, ClaimBook, ExhaustedMark, Freeze, ProvenImage
from springtide.model.leftover import SightedNote
from springtide.model.startup import StartupNote
from springtide.planning.claim_book import (
    Entry,
    entry_end,
    entry_mistakes,
    entry_name,
    read_book,
)
from tests.planning.fleet_world import START

HOUR = timedelta(hours=1)
INTERVAL: dict[str, object] = {
    "starts_at": START,
    "ends_at": START + HOUR,
    "owner": "operations",
    "reason": "more traffic",
}
CLAIM = Claim.model_validate(
    {"key": "surge-1", "fleet": "api", "kind": "surge", "servers": 80, **INTERVAL}
)
CEILING = Ceiling.model_validate({"key": "fewer-1", "fleet": "api", "servers": 10, **INTERVAL})
FREEZE = Freeze.model_validate({"key": "works-1", "fleet": "*", **INTERVAL})
EXHAUSTED = ExhaustedMark(
    key="exhausted-api-gra11-any", fleet="api", region="GRA11", until=START + HOUR, reason="full"
)
PROVEN = ProvenImage(
    key="proven-api-gra11", fleet="api", region="GRA11", image_id="image-1", until=START + HOUR
)
SIGHTED = SightedNote(
    key="gra11-group-1",
    fleet="web",
    region="GRA11",
    thing_id="group-1",
    sighted_at=START,
    until=START + HOUR,
)
STARTUP = StartupNote(
    key="api-gra11-image-1-ab12",
    fleet="api",
    region="GRA11",
    image_id="image-1",
    at=START,
    active_s=(60,),
    answering_s=(70,),
    serving_s=(80,),
    until=START + HOUR,
)
CALLS = CallsNote(
    key="api-ab12-150000",
    fleet="api",
    at=START,
    counts=(CallCount(region="GRA11", service="compute", calls=9, refused=1),),
    until=START + HOUR,
)
EVERY: dict[str, Entry] = {
    "claim": CLAIM,
    "ceiling": CEILING,
    "freeze": FREEZE,
    "exhausted": EXHAUSTED,
    "proven": PROVEN,
    "sighted": SIGHTED,
    "startup": STARTUP,
    "calls": CALLS,
}
SPOKEN = ("claim", "ceiling", "freeze")


def stored(entry: Model) -> object:
    """The entry as a store of JSON gives it back."""
    return entry.model_dump(mode="json")


def held(book: ClaimBook) -> list[Entry]:
    """All that is in the book, of these kinds."""
    return [
        *book.claims,
        *book.ceilings,
        *book.freezes,
        *book.exhausted,
        *book.proven,
        *book.sighted,
        *book.startups,
        *book.calls,
    ]


@pytest.mark.parametrize(("kind", "entry"), EVERY.items(), ids=EVERY.keys())
def test_an_entry_is_read_as_it_was_written(kind: str, entry: Entry) -> None:
    """Each kind has a place of its own in the book, and a name that says which it is."""
    name = entry_name(entry)
    assert f"springtide_{kind}_{entry.key}" == name
    book, over = read_book({name: stored(entry)}, START)
    assert ({}, None) == (over, book.trouble)
    assert [entry] == held(book)


@pytest.mark.parametrize("entry", EVERY.values(), ids=EVERY.keys())
@pytest.mark.parametrize(
    ("at", "is_over"),
    [
        (START - HOUR, False),
        (START + HOUR - timedelta(microseconds=1), False),
        (START + HOUR, True),
        (START + 2 * HOUR, True),
    ],
    ids=["before-it-begins", "just-before-its-end", "at-its-end", "after-its-end"],
)
def test_an_entry_is_over_at_its_end(entry: Entry, at: datetime, *, is_over: bool) -> None:
    """Then it is named as over, with its fleet; before its start it is in the book."""
    book, over = read_book({entry_name(entry): stored(entry)}, at)
    assert ({entry_name(entry): entry.fleet} if is_over else {}) == over
    assert (0 if is_over else 1) == len(held(book))
    assert START + HOUR == entry_end(entry)


@pytest.mark.parametrize(("kind", "entry"), EVERY.items(), ids=EVERY.keys())
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("not an entry", id="text"),
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param({"colour": "blue"}, id="unknown-field"),
    ],
)
def test_a_broken_entry_is_trouble_only_where_it_could_speak(
    kind: str, entry: Entry, broken: object
) -> None:
    """A claim, ceiling or freeze that cannot be read forbids removal; a lost note does not."""
    name = entry_name(entry)
    others = {entry_name(other): stored(other) for other in EVERY.values()}
    book, over = read_book({**others, name: broken}, START)
    assert (kind in SPOKEN) == (book.trouble is not None)
    assert book.trouble is None or name in book.trouble
    assert {} == over
    # In place of a freeze that cannot be read there is one that holds for all.
    assert len(EVERY) - (0 if kind == "freeze" else 1) == len(held(book))


def test_a_freeze_that_cannot_be_read_freezes_every_fleet() -> None:
    """Somebody wanted nothing to change: nothing does, and the reason names the entry."""
    book, _ = read_book({"springtide_freeze_works-1": {"until": "tomorrow"}}, START)
    freeze = book.frozen_by("any", START)
    assert freeze is not None
    assert "springtide_freeze_works-1" in freeze.reason


def test_every_broken_entry_is_named() -> None:
    """One trouble does not hide another."""
    book, _ = read_book({"springtide_claim_b": 1, "springtide_freeze_a": 2}, START)
    assert book.trouble is not None
    assert "springtide_claim_b" in book.trouble
    assert "springtide_freeze_a" in book.trouble


@pytest.mark.parametrize(
    "name",
    ["claim_surge-1", "other_claim_surge-1", "springtide_lock_api", "springtideclaim_1", ""],
)
def test_names_that_are_not_ours_are_ignored(name: str) -> None:
    """The store has other tenants; they are no trouble, and never named as over."""
    book, over = read_book({name: stored(CLAIM)}, START + 2 * HOUR)
    assert ((), None, {}) == (book.claims, book.trouble, over)


def test_the_order_of_the_store_does_not_matter() -> None:
    """The book is sorted by name."""
    names = {entry_name(entry): stored(entry) for entry in EVERY.values()}
    backwards = dict(reversed(names.items()))
    assert read_book(names, START) == read_book(backwards, START)


@pytest.mark.parametrize("entry", EVERY.values(), ids=EVERY.keys())
def test_what_can_be_read_is_no_mistake(entry: Entry) -> None:
    """Whatever was stored can be written into a file."""
    assert () == entry_mistakes({entry_name(entry): stored(entry)}, ["api", "web"])


NO_NAME = "is no stored name: springtide_<kind>_<key>, the kind one of claim, ceiling, freeze, "


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        pytest.param("surge-1", stored(CLAIM), f"surge-1: {NO_NAME}", id="no prefix"),
        pytest.param(
            "springtide-claim_surge-1",
            stored(CLAIM),
            f"springtide-claim_surge-1: {NO_NAME}",
            id="another prefix",
        ),
        pytest.param("springtide_surge_1", stored(CLAIM), NO_NAME, id="unknown kind"),
        pytest.param(12, stored(CLAIM), f"12: {NO_NAME}", id="a number"),
        pytest.param(None, stored(CLAIM), f"None: {NO_NAME}", id="nothing"),
        pytest.param(
            "springtide_claim_1",
            {**CLAIM.model_dump(), "fleet": "apy"},
            "springtide_claim_1: no fleet 'apy' in the estate (allowed: api, web)",
            id="unknown fleet",
        ),
        pytest.param(
            "springtide_claim_1",
            {**CLAIM.model_dump(), "servers": 0},
            "springtide_claim_1: servers: given 0, must be greater than or equal to 1",
            id="claim that cannot be read",
        ),
        pytest.param(
            "springtide_proven_1", {}, "springtide_proven_1: key: is missing", id="note, too"
        ),
    ],
)
def test_what_would_not_be_heard_is_a_mistake(name: object, value: object, why: str) -> None:
    """Of an entry that a person wrote down; the others are right."""
    entries: dict[object, object] = {entry_name(CEILING): stored(CEILING), name: value}
    assert why in entry_mistakes(entries, ["api", "web"])[0]
