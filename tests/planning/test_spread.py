"""Where servers go: filling by weight under limits, and even waves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.planning.spread import Room, spread, waves

ROOMS = st.lists(
    st.builds(
        Room,
        region=st.just(""),
        weight=st.floats(min_value=0.1, max_value=10),
        holds=st.integers(min_value=0, max_value=30),
        most=st.none() | st.integers(min_value=0, max_value=40),
        limit=st.just("cap"),
    ),
    min_size=1,
    max_size=4,
)


def a_room(
    region: str = "GRA11", *, weight: float = 1, holds: int = 0, most: int | None = None
) -> Room:
    """A region, empty and without a limit, or as asked."""
    return Room(region, weight, holds, most, "cap")


def rooms(*most: int | None) -> tuple[Room, ...]:
    """Empty regions of equal weight with these limits."""
    return tuple(a_room(f"R{n}", most=each) for n, each in enumerate(most))


@pytest.mark.parametrize(
    ("missing", "given_rooms", "expected", "short"),
    [
        pytest.param(0, rooms(None, None), [0, 0], 0, id="nothing"),
        pytest.param(30, rooms(None, None, None), [10, 10, 10], 0, id="even"),
        pytest.param(31, rooms(None, None, None), [11, 10, 10], 0, id="ties-go-to-the-first"),
        pytest.param(30, rooms(None, 4, None), [13, 4, 13], 0, id="what-is-full-goes-round"),
        pytest.param(8, rooms(4, 4), [4, 4], 0, id="just-full"),
        pytest.param(9, rooms(4, 4), [4, 4], 1, id="one-too-many"),
        pytest.param(5, rooms(0, 0), [0, 0], 5, id="no-room-at-all"),
        pytest.param(5, (), [], 5, id="no-region-at-all"),
        pytest.param(
            30,
            (a_room("A", weight=2), a_room("B", weight=1)),
            [20, 10],
            0,
            id="by-weight",
        ),
        pytest.param(
            10,
            (a_room("A", holds=8), a_room("B", holds=0)),
            [1, 9],
            0,
            id="what-it-holds-counts",
        ),
        pytest.param(
            5,
            (a_room("A", holds=5, most=4), a_room("B", most=9)),
            [0, 5],
            0,
            id="above-its-limit-already",
        ),
    ],
)
def test_fills_what_is_emptiest_for_its_weight(
    missing: int, given_rooms: tuple[Room, ...], expected: list[int], short: int
) -> None:
    """Each server goes where there is most room for the weight; the rest is the shortfall."""
    added, left = spread(missing, given_rooms)
    assert (expected, short) == ([added[room.region] for room in given_rooms], left)


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        pytest.param(4, [0, 4, 0], id="the first of the order alone"),
        pytest.param(6, [1, 5, 0], id="full: the next"),
        pytest.param(20, [10, 5, 5], id="those without a place come last"),
    ],
)
def test_an_order_of_regions_is_kept(missing: int, expected: list[int]) -> None:
    """Each region is filled before the next one gets any."""
    ordered = tuple(
        Room(name, 1, 0, most, "cap", rank)
        for name, most, rank in (("A", 10, 1), ("B", 5, 0), ("C", 20, 2))
    )
    assert expected == list(spread(missing, ordered)[0].values())


@given(missing=st.integers(min_value=0, max_value=120), drawn=ROOMS)
def test_spread_conserves_and_keeps_to_limits(missing: int, drawn: list[Room]) -> None:
    """What is placed and what is short sum up; no limit is passed; short only where all is full."""
    named = tuple(
        Room(f"R{n}", room.weight, room.holds, room.most, room.limit)
        for n, room in enumerate(drawn)
    )
    added, short = spread(missing, named)
    assert missing == sum(added.values()) + short
    for room in named:
        if added[room.region]:
            assert room.most is None or room.holds + added[room.region] <= room.most
        assert not (short and room.has_room(added[room.region]))


@pytest.mark.parametrize(
    ("servers", "size", "expected"),
    [
        (-1, 16, ()),
        (0, 16, ()),
        (1, 16, (1,)),
        (16, 16, (16,)),
        (17, 16, (9, 8)),
        (33, 16, (11, 11, 11)),
        (34, 16, (12, 11, 11)),
        (3, 1, (1, 1, 1)),
    ],
)
def test_waves_are_as_few_and_as_even_as_can_be(
    servers: int, size: int, expected: tuple[int, ...]
) -> None:
    """No wave above its size, the larger ones first."""
    assert expected == waves(servers, size)


@given(st.integers(min_value=0, max_value=500), st.integers(min_value=1, max_value=100))
def test_waves_conserve(servers: int, size: int) -> None:
    """All servers, in as few waves as possible, that differ by one at most."""
    cut = waves(servers, size)
    assert servers == sum(cut)
    assert len(cut) == -(-servers // size)
    assert not cut or (max(cut) <= size and max(cut) - min(cut) <= 1)
