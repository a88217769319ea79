"""How datastores fill: what is foretold, and from how much."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.core import DatastoreLimits
from springtide.model.core_watch import FillForecast, FillSample
from springtide.planning.datastore_fills import (
    HISTORY_DAYS,
    LEAST_DAYS,
    LEAST_SPAN_DAYS,
    MOST_DATASTORES,
    fill_samples,
    forecast_fills,
)
from tests.planning.cores import GIB, NOW, datastore, inventory

TODAY = NOW.date()
CAPACITY_MIB = 3000 * 1024
LIMITS = DatastoreLimits()


def noted(ago: int, used_gib: float, name: str = "ssd-1") -> FillSample:
    """How full it was so many days ago."""
    day = TODAY - timedelta(days=ago)
    used = int(used_gib * 1024)
    return FillSample(day=day, datastore=name, capacity_mib=CAPACITY_MIB, used_mib=used)


def forecast(used_gib: float, *history: FillSample) -> FillForecast:
    """Of one datastore of 3,000 GiB."""
    store = datastore(free_bytes=int((3000 - used_gib) * GIB))
    (found,) = forecast_fills(inventory(datastores=(store,)), history, LIMITS)
    return found


def test_a_steady_growth_is_foretold_to_the_day() -> None:
    """2,400 GiB and 20 a day: 2,700 in fifteen days."""
    found = forecast(2400, *(noted(ago, 2400 - 20 * ago) for ago in range(1, 31)))
    assert (20 * 1024, 15.0) == (found.per_day_mib, found.red_in_days)
    assert "20.0 GiB a day: 90% in 15 days" == found.why


ODD = [
    pytest.param({7: 2990.0}, id="a backup stood for a night"),
    pytest.param({3: 100.0, 4: 100.0}, id="a machine was moved away and back"),
    pytest.param({1: 0.0}, id="a nonsense of yesterday"),
]


@pytest.mark.parametrize("odd", ODD)
def test_lone_odd_days_do_not_move_it(odd: dict[int, float]) -> None:
    """The median of all slopes is what it was."""
    days = (noted(ago, odd.get(ago, 2400 - 20 * ago)) for ago in range(1, 31))
    assert 20 * 1024 == pytest.approx(forecast(2400, *days).per_day_mib, rel=0.05)


ENOUGH = [
    pytest.param([1, 2, 3, 4, 5, 6], False, id="six days in a row: less than a week"),
    pytest.param([1, 2, 3, 7], True, id="five over a week"),
    pytest.param([1, 2, 7], False, id="four over a week"),
    pytest.param([], False, id="none"),
    pytest.param([46, 47, 48, 49, 50, 60], False, id="too long ago"),
]


@pytest.mark.parametrize(("days", "told"), ENOUGH)
def test_nothing_is_foretold_from_too_little(days: list[int], *, told: bool) -> None:
    """Today counts as one of the days."""
    assert (5, 7, 45) == (LEAST_DAYS, LEAST_SPAN_DAYS, HISTORY_DAYS)
    found = forecast(2400, *(noted(ago, 2400 - 20 * ago) for ago in days))
    assert told == (found.per_day_mib is not None)
    assert told or "too few" in found.why


@pytest.mark.parametrize(
    ("used_gib", "per_day", "days", "why"),
    [
        pytest.param(2700, 20, 0.0, "above its red share", id="red already"),
        pytest.param(2699, 20, 0.1, "20.0 GiB a day", id="red within hours"),
        pytest.param(2400, 0, None, "does not grow", id="still"),
        pytest.param(2400, -20, None, "does not grow", id="it empties"),
    ],
)
def test_the_ends_of_the_scale(
    used_gib: float, per_day: float, days: float | None, why: str
) -> None:
    """What is red is red now; what does not grow is never."""
    found = forecast(used_gib, *(noted(ago, used_gib - per_day * ago) for ago in range(1, 15)))
    assert (days, True) == (found.red_in_days, why in found.why)


def test_the_soonest_full_comes_first_and_others_days_do_not_count() -> None:
    """Each datastore has its own history."""
    stores = tuple(datastore(f"ssd-{n}", free_bytes=600 * GIB) for n in (1, 2, 3))
    slow = (noted(ago, 2400 - ago, "ssd-1") for ago in range(1, 15))
    quick = (noted(ago, 2400 - 50 * ago, "ssd-3") for ago in range(1, 15))
    found = forecast_fills(inventory(datastores=stores), (*slow, *quick), LIMITS)
    assert ["ssd-3", "ssd-1", "ssd-2"] == [each.datastore for each in found]


def test_what_is_noted_of_a_day() -> None:
    """The fullest first, so many at most, and none that cannot be seen."""
    hidden = (datastore("away", accessible=False), datastore("empty", capacity_bytes=0))
    many = tuple(datastore(f"ssd-{n:03}", free_bytes=n * GIB) for n in range(MOST_DATASTORES + 5))
    found = fill_samples(inventory(datastores=(*hidden, *many)), TODAY)
    assert MOST_DATASTORES == len(found)
    assert ("ssd-000", CAPACITY_MIB) == (found[0].datastore, found[0].used_mib)


@given(
    per_day=st.integers(1, 100),
    used_gib=st.integers(1, 2600),
    shift=st.integers(1, 10),
)
def test_a_day_later_it_is_a_day_nearer(per_day: int, used_gib: int, shift: int) -> None:
    """A steady growth is foretold the same, whenever one looks."""
    history = [noted(ago, max(0, used_gib - per_day * ago)) for ago in range(1, 5)]
    history += [noted(ago, used_gib - per_day * ago) for ago in range(5, 20)]
    if used_gib <= per_day * 20:
        return
    now = forecast(used_gib, *history).red_in_days
    later = [s.model_copy(update={"day": s.day - timedelta(days=shift)}) for s in history]
    then = forecast(used_gib + per_day * shift, noted(shift, used_gib), *later).red_in_days
    assert now is not None
    assert then is not None
    assert then == pytest.approx(max(0, now - shift), abs=0.11)
