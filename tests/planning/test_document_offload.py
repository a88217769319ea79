"""Which documents a run takes, and what people are told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.offload import FetchOutcome, OffloadOutcome, OffloadPolicy
from springtide.planning.document_offload import (
    Document,
    fetch_alarm,
    fetch_summary,
    offload_alarm,
    offload_rows,
    offload_summary,
    plan_offload,
    untouched,
)

NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
POLICY = OffloadPolicy(untouched_days=100, least_bytes=10, most_files=3, most_bytes=1000)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def a_document(name: str = "a", size: int = 100, age: timedelta = 200 * DAY) -> Document:
    """One that is due, unless said otherwise."""
    return Document(name.encode(), size, NOW - age)


@pytest.mark.parametrize(
    ("document", "due"),
    [
        pytest.param(a_document(age=100 * DAY), True, id="untouched for just so long"),
        pytest.param(a_document(age=100 * DAY - SECOND), False, id="a second less"),
        pytest.param(a_document(age=-DAY), False, id="touched tomorrow"),
        pytest.param(a_document(size=10), True, id="just so large"),
        pytest.param(a_document(size=9), False, id="a byte less"),
    ],
)
def test_what_is_due(document: Document, *, due: bool) -> None:
    """Both sides of each boundary."""
    assert due == (untouched([document], POLICY, NOW) == (document,))


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([100] * 3, 3, id="as many as a run takes"),
        pytest.param([100] * 4, 3, id="one more"),
        pytest.param([500, 500, 1], 2, id="as much as a run takes"),
        pytest.param([500, 501], 1, id="a byte more"),
        pytest.param([5000, 1], 1, id="a first one always fits"),
    ],
)
def test_the_caps_of_a_run(sizes: list[int], taken: int) -> None:
    """The longest untouched come first."""
    due = [a_document(str(n), size, (200 - n) * DAY) for n, size in enumerate(sizes)]
    assert due[:taken] == list(plan_offload(due, POLICY))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 900)), max_size=12))
def test_run_after_run_everything_is_taken(found: list[tuple[int, int]]) -> None:
    """Each document once, whatever is taken at a time; and the planner ends."""
    documents = [a_document(str(n), size, days * DAY) for n, (days, size) in enumerate(found)]
    due = untouched(documents, POLICY, NOW)
    left, taken = list(due), []
    while left:
        plan = plan_offload(left, POLICY)
        assert plan
        taken += plan
        left = [each for each in left if each not in plan]
    assert list(due) == taken
    assert untouched(due, POLICY, NOW) == due


def an_outcome(**changes: object) -> OffloadOutcome:
    """Of a run that did some of everything."""
    base: dict[str, object] = {
        "source": "documents",
        "part": 1,
        "dry_run": False,
        "stored_files": 3,
        "stored_bytes": 2_000_000,
        "removed_files": 2,
        "removed_bytes": 1_000_000,
        "waiting_files": 4,
        "untouched_files": 9,
        "snapshot": "ab" * 32,
    }
    return OffloadOutcome.model_validate(base | changes)


def test_what_is_told() -> None:
    """Counts and sizes; a dry run says so; a failure names objects."""
    done = an_outcome()
    assert (
        "documents: 3 files (2.0 MB) stored, 2 files (1.0 MB) removed, 4 wait for the second site"
    ) == offload_summary("documents", (done,))
    assert offload_alarm("documents", (done,)) is None
    (row,) = offload_rows([done])
    assert ("3 files (2.0 MB)", "2 files (1.0 MB)") == (row["stored"], row["removed"])
    (row,) = offload_rows([an_outcome(dry_run=True)])
    assert "to store" in row
    assert "dry run: " in offload_summary("documents", (an_outcome(dry_run=True),))
    bad = an_outcome(failures=("data/ab is not what was stored",))
    assert (offload_alarm("documents", (bad,)) or "").endswith("data/ab is not what was stored")


def test_what_is_told_of_a_document_that_is_back() -> None:
    """How much, and how quickly; never which."""
    found = FetchOutcome(source="documents", bytes=2_000_000, was_there=False, took_s=0.73)
    assert "documents: 2.0 MB back in their place after 0.7 s" == fetch_summary(found)
    there = found.model_copy(update={"was_there": True})
    assert "stands there already" in fetch_summary(there)
    assert fetch_alarm(found) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param({"lacking": "EPERM"}, ["attributes (EPERM)"], id="not its owner's"),
        pytest.param({"unread": "snapshots/ab"}, ["older", "snapshots/ab"], id="an older one"),
        pytest.param(
            {"lacking": "EPERM", "unread": "snapshots/ab"}, ["(EPERM)", "snapshots/ab"], id="both"
        ),
    ],
)
def test_a_document_that_is_back_and_may_not_be_as_it_was(
    wrong: dict[str, str], told: list[str]
) -> None:
    """The run has failed, and says all that is wrong."""
    found = FetchOutcome(source="documents", bytes=2, was_there=False, took_s=0.7, **wrong)
    alarm = fetch_alarm(found) or ""
    assert [each for each in told if each in alarm] == told
    assert alarm.startswith("documents: the document is back, and ")
