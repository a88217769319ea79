"""What is copied to a second site, and what people are told."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.backup import CopyOutcome
from springtide.model.retention import OFFLOADED, Retention
from springtide.planning.second_site import (
    copy_alarm,
    copy_rows,
    copy_summary,
    nearest_base,
    plan_copy,
)

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2020, 3, 16, 22, 30, tzinfo=UTC)
ALL = Retention(keep_last=1000)


@dataclass(frozen=True)
class Known:
    """A snapshot, as far as the planner looks."""

    id: str
    time: datetime
    tree: str = "t"
    hostname: str = "documents"
    paths: tuple[str, ...] = ("/srv/documents",)
    tags: tuple[str, ...] = ()


def nightly(count: int) -> list[Known]:
    """So many nights' snapshots, oldest first."""
    return [Known(f"a{n:03}", START + timedelta(days=n), tree=f"t{n}") for n in range(count)]


def copies(snapshots: list[Known]) -> list[Known]:
    """The same at the second site, under other ids."""
    return [replace(each, id=f"copy of {each.id}") for each in snapshots]


def planned(there: list[Known], here: list[Known], retention: Retention = ALL) -> list[str]:
    """The ids of what would be copied, in order."""
    now = START + timedelta(days=500)
    return [each.id for each in plan_copy(there, here, retention, now=now, zone=PARIS)]


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        pytest.param([], ["a000", "a001", "a002"], id="nothing is here"),
        pytest.param(copies(nightly(2)), ["a002"], id="two are"),
        pytest.param(copies(nightly(3)), [], id="all are"),
        pytest.param(copies(nightly(5)), [], id="more are than there"),
    ],
)
def test_what_is_missing_is_copied(here: list[Known], expected: list[str]) -> None:
    """Oldest first."""
    assert expected == planned(nightly(3), here)


@pytest.mark.parametrize(
    "change",
    [
        {"tree": "other"},
        {"time": START + timedelta(seconds=1)},
        {"hostname": "films"},
        {"paths": ("/srv",)},
        {"tags": (OFFLOADED,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_differs_is_another_snapshot(change: dict[str, object]) -> None:
    """Time, source, paths, tree and tags make a snapshot; its id does not."""
    (one,) = nightly(1)
    assert ["a000"] == planned([one], [replace(one, id="b", **change)])  # type: ignore[arg-type] # its own fields


def test_what_retention_here_would_remove_is_not_copied() -> None:
    """Else each run would copy again what expiry has just removed."""
    there, retention = nightly(30), Retention(keep_last=7, minimum_copies=1)
    assert [f"a{n:03}" for n in range(23, 30)] == planned(there, [], retention)
    assert [] == planned(there, copies(there[23:]), retention)


def test_what_was_taken_away_from_where_it_was_is_always_copied() -> None:
    """It is the only copy there is."""
    old = replace(nightly(1)[0], tags=(OFFLOADED,))
    there = [old, *nightly(10)[1:]]
    assert "a000" in planned(there, [], Retention(keep_last=1, minimum_copies=1))


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)), st.integers(1, 25))
def test_once_copied_nothing_is_missing(there: set[int], here: set[int], keep: int) -> None:
    """Planning again after success is empty, also after a part of it; nothing here is touched."""
    nights = nightly(21)
    known, retention = [nights[n] for n in there], Retention(keep_last=keep, minimum_copies=1)
    stands = copies([nights[n] for n in here])
    plan = planned(known, stands, retention)
    assert len(set(plan)) == len(plan)
    part = copies([each for each in known if each.id in plan[: len(plan) // 2]])
    assert set(planned(known, stands + part, retention)) <= set(plan)
    done = copies([each for each in known if each.id in plan])
    assert [] == planned(known, stands + done, retention)


@pytest.mark.parametrize(
    ("number", "here", "expected"),
    [
        pytest.param(5, (), None, id="nothing"),
        pytest.param(5, (1, 3), "a003", id="the newest before it"),
        pytest.param(5, (7, 9), "a009", id="only newer ones"),
        pytest.param(5, (5,), "a005", id="of the same time"),
    ],
)
def test_the_base_has_most_in_common(
    number: int, here: tuple[int, ...], expected: str | None
) -> None:
    """Of the same source and path."""
    nights = nightly(10)
    others = [replace(nights[4], hostname="films"), replace(nights[4], paths=("/srv",))]
    found = nearest_base(nights[number], [*others, *(nights[n] for n in here)])
    assert expected == (found.id if found else None)


def test_what_is_told() -> None:
    """Counts and objects' names; the first failures, and how many more."""
    found = CopyOutcome(vault="second", copied=1, present=3, new_bytes=2_000_000, adopted_packs=2)
    assert (
        "second: 1 snapshot copied, 3 there now; 2.0 MB were new,"
        " 2 packs of a killed run taken over"
    ) == copy_summary(found)
    assert copy_alarm(found) is None
    failures = tuple(f"data/{n} is not there" for n in range(5))
    bad = found.model_copy(update={"failures": failures})
    assert (
        "second: data/0 is not there; data/1 is not there; data/2 is not there; and 2 more"
        == copy_alarm(bad)
    )
    assert ["copied", *failures] == [row["what"] for row in copy_rows(bad)]
    gone = found.model_copy(update={"gone": 2})
    assert copy_summary(gone).endswith(", 2 snapshots went at the first site meanwhile")
    assert "2 snapshots went at the first site meanwhile: not copied" == copy_rows(gone)[1]["what"]
    three = found.model_copy(update={"failures": failures[:3]})
    assert "more" not in (copy_alarm(three) or "")
