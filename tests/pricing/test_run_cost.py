"""What a run says that its servers cost, of what it saw of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from springtide.model.price import PriceBook
from springtide.model.server import Server
from springtide.model.snapshot import FleetSnapshot, RegionSnapshot
from springtide.pricing.lives import Lives
from springtide.pricing.run_cost import fleet_book, run_cost
from tests.planning.fleet_world import START, a_fleet
from tests.planning.sightings import a_server
from tests.pricing.using import a_book, a_record, an_entry

HOUR = timedelta(hours=1)
FLEET = a_fleet(price_per_hour=Decimal("0.51"))


def a_look(hours: float, *servers: Server, trouble: str | None = None) -> FleetSnapshot:
    """What was seen so many hours after the servers became ACTIVE."""
    region = RegionSnapshot(region="GRA11", servers=servers, trouble=trouble)
    return FleetSnapshot(fleet="api", at=START + hours * HOUR, regions=(region,))


def seen(*looks: FleetSnapshot) -> Lives:
    """Lives after those looks."""
    lives = Lives()
    for look in looks:
        lives.see(look)
    return lives


def test_an_evening_of_two_servers() -> None:
    """Both from the look that showed them to the one that did not; nobody is billed in BUILD."""
    first, second = a_server("s1"), a_server("s2")
    building = a_server("s3", launched_at=None)
    lives = seen(a_look(0.1, first, second, building), a_look(5.5, second), a_look(5.9))
    found = run_cost(lives.records(FLEET, START + 6 * HOUR), FLEET)
    assert (12, 36, Decimal("6.12")) == (found.hours, found.unused_minutes, found.cost)
    assert ("s1", "s2", "s3") == lives.gone()


def test_one_that_stands_counts_until_now() -> None:
    """And one that is gone no further than the look that missed it."""
    lives = seen(a_look(0.1, a_server("s1"), a_server("s2")), a_look(1.5, a_server("s2")))
    assert [1.5, 4.0] == [
        (record.end - record.start) / HOUR for record in lives.records(FLEET, START + 4 * HOUR)
    ]


def test_one_that_comes_back_was_never_gone() -> None:
    """A listing left it out once: it counts until now, and nothing of it is swept."""
    lives = seen(a_look(0.1, a_server()), a_look(1), a_look(1.1, a_server()))
    assert () == lives.gone()
    assert [4.0] == [
        (record.end - record.start) / HOUR for record in lives.records(FLEET, START + 4 * HOUR)
    ]


def test_a_region_that_cannot_be_read_ends_nobody() -> None:
    """Nobody knows whether its servers stand."""
    lives = seen(a_look(0.1, a_server()), a_look(1, trouble="silent"), a_look(2, a_server()))
    assert () == lives.gone()
    assert 2 == run_cost(lives.records(FLEET, START + 2 * HOUR), FLEET).hours


@pytest.mark.parametrize(
    ("gra11", "gone", "paid"),
    [
        pytest.param({"servers": (a_server("s1"),)}, ("s2",), 8 + 6, id="balancer-is-away"),
        pytest.param({}, ("s2",), 8 + 6, id="nothing-answers"),
        pytest.param({"trouble": None}, ("s1", "s2"), 6 + 6, id="both-are-read"),
    ],
)
def test_a_region_in_trouble_keeps_no_other_s_servers(
    gra11: dict[str, object], gone: tuple[str, ...], paid: int
) -> None:
    """Who is gone elsewhere is no longer counted, and what it left is swept."""
    elsewhere = a_server("s2", region="SBG5")
    there = RegionSnapshot(region="SBG5", servers=(elsewhere,))
    away = RegionSnapshot.model_validate({"region": "GRA11", "trouble": "503"} | gra11)
    first, last = a_look(0.1, a_server("s1")), a_look(5.9)
    first = first.model_copy(update={"regions": (*first.regions, there)})
    empty = there.model_copy(update={"servers": ()})
    lives = seen(first, last.model_copy(update={"regions": (away, empty)}))
    found = run_cost(lives.records(FLEET, START + 7.5 * HOUR), FLEET)
    assert (gone, paid) == (lives.gone(), found.hours)


def test_a_run_that_saw_nobody_costs_nothing() -> None:
    """Nor does one whose servers never became ACTIVE."""
    for records in ((), seen(a_look(1, a_server(launched_at=None))).records(FLEET, START + HOUR)):
        found = run_cost(records, FLEET)
        assert (0, 0, 0) == (found.hours, found.unused_minutes, found.cost)


@pytest.mark.parametrize(
    ("price", "row"),
    [
        pytest.param("0.51", ["3.06 EUR"], id="with a price"),
        pytest.param(None, [], id="without one"),
        pytest.param("0", ["0 EUR"], id="for nothing"),
    ],
)
def test_the_table(price: str | None, row: list[str]) -> None:
    """Hours, what the rounding costs, and the price where there is one."""
    found = run_cost([a_record("23 16:30", "23 21:15")], a_fleet(price_per_hour=price))
    measures = [str(each["measure"]) for each in found.rows()]
    assert ["paid server hours seen", "minutes of them without a server"] == measures[:2]
    assert row == [str(each["value"]) for each in found.rows()[2:]]


@pytest.mark.parametrize(
    ("books", "cost"),
    [
        pytest.param([a_book(an_entry(price="0.60"))], "3.60 EUR", id="the book's price"),
        pytest.param([a_book(an_entry("b2-7"))], "3.06 EUR", id="a book that lacks it"),
        pytest.param(
            [a_book(an_entry("b2-7")), a_book(an_entry(price="1"), currency="USD")],
            "6 USD",
            id="the first of two that has it",
        ),
    ],
)
def test_price_books_go_before_the_fleets_price(books: list[PriceBook], cost: str) -> None:
    """Where one prices all of the run's servers."""
    found = run_cost([a_record("23 16:30", "23 21:15")], FLEET, books)
    assert cost == found.rows()[-1]["value"]


def test_the_estates_price_is_a_book_of_one_entry() -> None:
    """Its source says where it stands; without a price there is no book."""
    book = fleet_book(FLEET)
    assert book is not None
    assert ["estate: price_per_hour of fleet api"] == [entry.source for entry in book.entries]
    assert fleet_book(a_fleet()) is None
