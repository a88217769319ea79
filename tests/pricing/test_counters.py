"""A counter tells what was new, whenever and however often it is looked at."""

from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.usage import CounterReading, UsageKind
from springtide.pricing.counters import counted_usage
from tests.pricing.using import at


def a_reading(total: int, moment: str = "23 17:20") -> CounterReading:
    """The balancer's connections at that moment."""
    return CounterReading(
        resource="lb-1",
        kind=UsageKind.CONNECTIONS,
        region="GRA11",
        fleet="api",
        at=at(moment),
        total=total,
    )


def test_what_is_new_since_an_earlier_hour() -> None:
    """And how far the counter has come, under a name of its own."""
    before = {("lb-1", "connections counter"): 1_000}
    assert [("counter", "connections counter", 1_700), ("connections", "connections", 700)] == [
        (record.kind, record.sku, record.amount)
        for record in counted_usage([a_reading(1_700)], before)
    ]


def test_the_first_look_only_remembers() -> None:
    """Whatever came before was not of this hour."""
    (record,) = counted_usage([a_reading(1_700)], {})
    assert (UsageKind.COUNTER, 1_700) == (record.kind, record.amount)


def test_a_counter_that_began_anew() -> None:
    """All of it is new: its balancer was replaced."""
    found = counted_usage([a_reading(40)], {("lb-1", "connections counter"): 1_000})
    assert 40 == found[-1].amount


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 900), st.booleans()), min_size=1, max_size=12))
def test_nothing_is_counted_twice_or_lost(steps: list[tuple[int, bool]]) -> None:
    """Looks in several hours, some hours looked at again, sum to how far it came."""
    total, told, before, last = 0, {0: 0}, {("lb-1", "connections counter"): 0}, 0
    hour = 0
    for new, same_hour in steps:
        if not same_hour:
            hour, before = hour + 1, {("lb-1", "connections counter"): last}
        total = last = total + new
        found = counted_usage([a_reading(total)], before)
        told[hour] = max(told.get(hour, 0), found[-1].amount)
    assert total == sum(told.values())
