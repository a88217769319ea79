"""Price books: which price holds, and what makes no book."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from springtide.errors import Misconfigured, NotFound
from springtide.model.price import Plan, PriceBook, PriceUnit, RoundingRule
from springtide.pricing.price_book import find_price, join_books
from tests.pricing.using import a_book, an_entry

NEW_YEAR = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("region", "day", "expected"),
    [
        pytest.param("GRA11", date(2025, 12, 31), "0.50", id="the last day of the old price"),
        pytest.param("GRA11", NEW_YEAR, "0.51", id="the first day of the new one"),
        pytest.param("SBG5", NEW_YEAR, "0.55", id="a region with a price of its own"),
    ],
)
def test_the_price_of_a_day(region: str, day: date, expected: str) -> None:
    """By the day, and by the region before all regions."""
    book = a_book(
        an_entry(price="0.50", valid_until=NEW_YEAR),
        an_entry(price="0.51", valid_from=NEW_YEAR),
        an_entry(price="0.55", region="SBG5"),
    )
    assert Decimal(expected) == find_price(book, "b2-60", region=region, day=day).price


@pytest.mark.parametrize(
    ("sku", "day", "plan"),
    [
        pytest.param("b2-120", NEW_YEAR, Plan.HOURLY, id="another flavour"),
        pytest.param("b2-6", NEW_YEAR, Plan.HOURLY, id="the begin of a name"),
        pytest.param("b2-60", date(2019, 12, 31), Plan.HOURLY, id="before the first price"),
        pytest.param("b2-60", NEW_YEAR, Plan.MONTHLY, id="another plan"),
    ],
)
def test_a_missing_price_names_what_where_and_when(sku: str, day: date, plan: Plan) -> None:
    """Whoever reads it knows which entry to add."""
    with pytest.raises(NotFound, match=f"{plan} price for {sku} in GRA11 on {day}"):
        find_price(a_book(), sku, region="GRA11", day=day, plan=plan)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param({"price": "-0.01"}, "greater than or equal to 0", id="below nothing"),
        pytest.param({"price": "1000.01"}, "absurd", id="a slip of the comma"),
        pytest.param({"price": "1.01", "unit": "GB-hour"}, "absurd", id="a slip of the unit"),
        pytest.param({"price": "NaN"}, "finite", id="no number"),
        pytest.param(
            {"valid_until": date(2020, 1, 1)}, "valid_until", id="no day on which it holds"
        ),
        pytest.param({"unit": PriceUnit.SECOND}, "go together", id="seconds rounded to hours"),
        pytest.param(
            {"rounding": RoundingRule.SECOND}, "go together", id="hours rounded to seconds"
        ),
        pytest.param({"unit": PriceUnit.MONTH}, "no price a month", id="a month by the hour"),
        pytest.param({"plan": Plan.MONTHLY}, "no price a hour", id="an hour by the month"),
        pytest.param({"source": "?"}, "at least 3", id="no source"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], complaint: str) -> None:
    """Before anything is priced by it."""
    with pytest.raises(ValueError, match=complaint):
        an_entry(**{"price": "0.51"} | given)


@pytest.mark.parametrize("price", ["0", "1000"])
def test_the_least_and_the_most(price: str) -> None:
    """What is free is free, and the bound itself is allowed."""
    assert Decimal(price) == an_entry(price=price).price


def test_one_price_a_day() -> None:
    """Two that hold on one day contradict each other."""
    with pytest.raises(ValueError, match="b2-60 in all regions: two hourly prices on 2026-01-01"):
        a_book(an_entry(), an_entry(price="0.52", valid_from=NEW_YEAR))


def test_books_are_joined() -> None:
    """The public prices and those by hand are one book, as old as the older of them."""
    by_hand = a_book(an_entry("ssd-3", "0.1"), name="by hand", dated=date(2020, 3, 1))
    joined = join_books([a_book(), by_hand])
    assert ("test book and by hand", date(2020, 3, 1)) == (joined.name, joined.dated)
    assert {"b2-60", "ssd-3"} == {entry.sku for entry in joined.entries}


def test_an_entry_says_who_else_is_billed_for_it() -> None:
    """The first book's account sends the bill; the private cloud's has one of its own."""
    core = a_book(
        an_entry("host"), an_entry("ssd-3", billing_account="pcc-9"), billing_account="pcc-1"
    )
    joined = join_books([a_book(), a_book(an_entry("c3-32"), name="by hand"), core])
    assert {"b2-60": None, "c3-32": None, "host": "pcc-1", "ssd-3": "pcc-9"} == {
        entry.sku: entry.billing_account for entry in joined.entries
    }


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        pytest.param(
            a_book(an_entry("x"), currency="USD"), "currency: test book is in USD", id="dollars"
        ),
        pytest.param(a_book(an_entry(price="0.52")), "two hourly prices", id="the same twice"),
    ],
)
def test_books_that_do_not_go_together(other: PriceBook, complaint: str) -> None:
    """Nothing is converted, and nobody guesses which of two prices holds."""
    with pytest.raises(Misconfigured, match=complaint):
        join_books([a_book(), other])


def test_no_book_prices_nothing() -> None:
    """An estate without prices is told so."""
    with pytest.raises(Misconfigured, match="prices"):
        join_books([])


def test_a_book_is_written_in_order() -> None:
    """Else its fingerprint would be another one in each process, and restate a report."""
    ids = [f"i-{number}" for number in range(9)]
    book = a_book(monthly_resources=frozenset(reversed(ids)))
    written = json.loads(book.model_dump_json())
    assert ids == written["monthly_resources"]
    assert book == PriceBook.model_validate(written)
