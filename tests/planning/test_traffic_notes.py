"""What a watcher of the traffic remembers: bounded, in order, and no trouble where it is lost."""

from springtide.model.traffic import (
    BALANCERS,
    PROMETHEUS,
    TrafficSample,
)
from springtide.planning.claim_book import entry_name, read_book
from springtide.planning.traffic import (
    plan_traffic,
    remembered,
)
from tests.planning.traffic_history import NOON, a_note, points
from tests.planning.traffic_verdicts import (
    seen_at,
)


def test_what_is_remembered_is_bounded_and_in_order() -> None:
    """The history alone, each second once, nothing from a time to come; it fits its variable."""
    past = (*points(*(7,) * 80, last_s=120), (int(NOON.timestamp()) + 60, 9))
    sample = TrafficSample(source=BALANCERS, at=NOON, sessions=8)
    seen = seen_at(a_note(past[-80:]), sample)
    note = remembered(seen, plan_traffic(seen), asked=False)
    kept = note.series[BALANCERS]
    assert (31, (int(NOON.timestamp()), 8)) == (len(kept), kept[-1])
    assert sorted(kept) == list(kept)
    again = seen_at(note, sample)
    assert note == remembered(again, plan_traffic(again), asked=False)


def test_the_fullest_note_fits_a_variable() -> None:
    """Two sources, as many samples as may be, the largest counts: below 5,000 characters."""
    full = points(*(100_000_000,) * 80)
    series = {BALANCERS: full, PROMETHEUS: full}
    note = a_note((), series=series, asked_at=NOON, alarmed_at=NOON)
    stored = str(note.model_dump(mode="json"))
    assert len(stored) < 5000
    name = entry_name(note)
    assert "springtide_traffic_api" == name
    book, over = read_book({name: note.model_dump(mode="json")}, NOON)
    assert ((note,), {}) == (book.traffic, over)


def test_a_note_that_cannot_be_read_is_no_trouble() -> None:
    """It is begun anew: nothing that is desired rests on it."""
    book, over = read_book({"springtide_traffic_api": {"series": "nonsense"}}, NOON)
    assert ((), None, {}) == (book.traffic, book.trouble, over)
