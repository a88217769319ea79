"""How many servers a fleet should have: claims, ceilings, bounds, and what is not known."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.claim import Ceiling, Claim, ClaimBook, ClaimKind, Desired
from springtide.planning.desired import desired_size
from tests.planning.fleet_world import START, a_fleet

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def a_claim(servers: int, key: str = "window-evening", **changes: object) -> Claim:
    """A claim of an hour from START on, changed as asked."""
    base: dict[str, object] = {
        "key": key,
        "fleet": "api",
        "kind": ClaimKind.SURGE,
        "servers": servers,
        "starts_at": START,
        "ends_at": START + HOUR,
        "owner": key,
        "reason": "more traffic",
    }
    return Claim.model_validate(base | changes)


def a_ceiling(servers: int, **changes: object) -> Ceiling:
    """A ceiling of an hour from START on, changed as asked."""
    base: dict[str, object] = {
        "key": f"ceiling-{servers}",
        "fleet": "api",
        "servers": servers,
        "starts_at": START,
        "ends_at": START + HOUR,
        "owner": "operations",
        "reason": "works on the network",
    }
    return Ceiling.model_validate(base | changes)


def size(
    *claims: Claim, ceilings: tuple[Ceiling, ...] = (), at: datetime = START, **fleet: object
) -> Desired:
    """What is desired of a fleet of 2 to 60 servers, or as asked."""
    bounds: dict[str, object] = {"min_servers": 2, "max_servers": 60, **fleet}
    book = ClaimBook(claims=claims, ceilings=ceilings)
    return desired_size(a_fleet(**bounds), windows=(), book=book, now=at)


@pytest.mark.parametrize(
    ("claims", "ceilings", "expected"),
    [
        pytest.param([], [], (0, 2), id="no-claim-the-minimum"),
        pytest.param([30], [], (30, 30), id="one-claim"),
        pytest.param([30, 50, 10], [], (50, 50), id="the-largest-and-never-the-sum"),
        pytest.param([30], [30], (30, 30), id="a-ceiling-just-at-the-claim"),
        pytest.param([30], [29], (30, 29), id="a-ceiling-just-below-the-claim"),
        pytest.param([30], [31], (30, 30), id="a-ceiling-above-the-claim-adds-nothing"),
        pytest.param([50], [40, 20, 30], (50, 20), id="the-lowest-ceiling"),
        pytest.param([30], [0], (30, 2), id="not-tonight-and-still-the-minimum"),
        pytest.param([], [10], (0, 2), id="a-ceiling-alone-asks-for-nothing"),
        pytest.param([2], [], (2, 2), id="at-the-minimum"),
        pytest.param([1], [], (1, 2), id="below-the-minimum"),
        pytest.param([60], [], (60, 60), id="at-the-maximum"),
        pytest.param([61], [], (61, 60), id="above-the-maximum"),
    ],
)
def test_the_largest_claim_counts_under_the_lowest_ceiling(
    claims: list[int], ceilings: list[int], expected: tuple[int, int]
) -> None:
    """Asked for is what the claims say, desired what ceilings and bounds leave of it."""
    voices = [a_claim(servers, f"surge-{servers}") for servers in claims]
    found = size(*voices, ceilings=tuple(a_ceiling(servers) for servers in ceilings))
    assert expected == (found.asked, found.servers)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(START - MOMENT, 2, id="just-before-the-start"),
        pytest.param(START, 30, id="at-the-start"),
        pytest.param(START + HOUR - MOMENT, 30, id="just-before-the-end"),
        pytest.param(START + HOUR, 2, id="at-the-end"),
    ],
)
def test_a_claim_holds_from_its_start_until_before_its_end(at: datetime, expected: int) -> None:
    """The start is inclusive, the end exclusive."""
    assert expected == size(a_claim(30), at=at).servers


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(START - MOMENT, 30, id="just-before-the-start"),
        pytest.param(START, 10, id="at-the-start"),
        pytest.param(START + HOUR - MOMENT, 10, id="just-before-the-end"),
        pytest.param(START + HOUR, 30, id="at-the-end"),
    ],
)
def test_a_ceiling_holds_from_its_start_until_before_its_end(at: datetime, expected: int) -> None:
    """Before and after it the claim stands as it was."""
    claim = a_claim(30, starts_at=START - HOUR, ends_at=START + 2 * HOUR)
    assert expected == size(claim, ceilings=(a_ceiling(10),), at=at).servers


def test_a_window_that_ends_during_a_surge_leaves_the_surge() -> None:
    """Nobody subtracts: each claim stands by itself."""
    surge = a_claim(12, "surge-1", ends_at=START + 2 * HOUR)
    window = a_claim(30)
    assert [30, 12, 2] == [
        size(surge, window, at=START + hours * HOUR).servers for hours in range(3)
    ]


def test_other_fleets_are_not_heard() -> None:
    """Neither their claims nor their ceilings count, wherever they come from."""
    theirs = a_claim(50, fleet="web")
    book = ClaimBook(claims=(a_claim(10),), ceilings=(a_ceiling(1, fleet="web"),))
    found = desired_size(a_fleet(), windows=(theirs,), book=book, now=START)
    assert (10, START + HOUR) == (found.servers, found.until)


def test_windows_and_stored_claims_count_alike() -> None:
    """The calendar's claims are claims as any other."""
    book = ClaimBook(claims=(a_claim(10, "surge-1"),))
    found = desired_size(a_fleet(), windows=(a_claim(30),), book=book, now=START)
    assert (30, 30) == (found.servers, found.asked)
    assert ["window-evening", "surge-1"] == [reason.split()[0] for reason in found.reasons]


def test_every_voice_is_told_the_deciding_ones_first() -> None:
    """Claims by size, ceilings by theirs, then the fleet's bounds."""
    found = size(
        a_claim(50, "surge-1"),
        a_claim(70, "order-1"),
        ceilings=(a_ceiling(65), a_ceiling(64)),
    )
    assert (
        "order-1 asks for 70: more traffic",
        "surge-1 asks for 50: more traffic",
        "ceiling of operations allows 64: works on the network",
        "ceiling of operations allows 65: works on the network",
        "max_servers of the fleet is 60",
    ) == found.reasons


def test_an_idle_fleet_says_so() -> None:
    """Without a claim the reasons say that none holds, and why servers stand nevertheless."""
    assert ("no claim holds now", "min_servers of the fleet is 2") == size().reasons


def test_while_the_store_is_in_trouble_nothing_may_be_removed() -> None:
    """What can be read still counts, and the trouble is among the reasons."""
    book = ClaimBook(claims=(a_claim(10),), trouble="the store does not answer")
    found = desired_size(a_fleet(), windows=(), book=book, now=START)
    assert (10, False) == (found.servers, found.may_remove)
    assert "the store does not answer" in " ".join(found.reasons)
    assert size(a_claim(10)).may_remove


@pytest.mark.parametrize(
    ("at", "until"),
    [
        pytest.param(START - HOUR, START, id="before-all"),
        pytest.param(START, START + HOUR / 2, id="at-the-start-the-ceiling-s-end"),
        pytest.param(START + HOUR / 2, START + HOUR, id="then-the-claim-s-end"),
        pytest.param(START + HOUR, None, id="nothing-to-come"),
    ],
)
def test_tells_when_its_answer_may_change(at: datetime, until: datetime | None) -> None:
    """The next edge of any claim or ceiling, strictly after now."""
    ceiling = a_ceiling(10, ends_at=START + HOUR / 2)
    assert until == size(a_claim(30), ceilings=(ceiling,), at=at).until


COUNTS = st.lists(st.integers(min_value=1, max_value=200), max_size=5)


@given(claims=COUNTS, ceilings=COUNTS, more=st.integers(min_value=1, max_value=200))
def test_always_within_bounds_and_monotone(
    claims: list[int], ceilings: list[int], more: int
) -> None:
    """Bounds hold whatever is asked; a claim more never shrinks, a ceiling more never grows."""
    voices = [a_claim(servers, f"surge-{n}") for n, servers in enumerate(claims)]
    caps = tuple(a_ceiling(servers) for servers in ceilings)
    found = size(*voices, ceilings=caps)
    assert 2 <= found.servers <= 60
    assert size(*voices, a_claim(more), ceilings=caps).servers >= found.servers
    assert size(*voices, ceilings=(*caps, a_ceiling(more))).servers <= found.servers
    assert size(*reversed(voices), ceilings=tuple(reversed(caps))) == found
