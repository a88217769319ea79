"""OVHcloud's catalogue makes a price book, and only of what it says exactly."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from springtide.errors import Misconfigured
from springtide.model.price import Plan, PriceBook, PriceUnit
from springtide.pricing.catalogue import read_catalogue

TODAY = date(2026, 11, 23)


def an_addon(code: str, price: object, interval: str = "hour") -> dict[str, Any]:
    """An addon with one price."""
    pricing = {"price": price, "type": "consumption", "intervalUnit": interval}
    return {"planCode": code, "pricings": [pricing]}


ADDONS = [
    an_addon("b2-60.consumption", 51_000_000),
    an_addon("b2-60.monthly.postpaid", 18_200_000_000, "month"),
    an_addon("b2-60.consumption.LZ", 61_000_000),
    an_addon("win-b2-60.consumption", 99_000_000),
    an_addon("volume.classic.consumption", 5_556),
    an_addon("storage-standard.consumption", 972),
]


def a_catalogue(held: list[Any] = ADDONS, **other: object) -> dict[str, Any]:
    """A catalogue whose families hold those addons."""
    families = [{"name": "instance", "addons": held}]
    plans = [
        {"planCode": "project", "addonFamilies": []},
        {"planCode": "project.2018", "addonFamilies": families},
    ]
    return {"locale": {"currencyCode": "EUR"}, "plans": plans} | other


def read(catalogue: dict[str, Any], *skus: str) -> PriceBook:
    """The book of those SKUs."""
    return read_catalogue(
        catalogue, skus or ("b2-60",), dated=TODAY, billing_account="p-1", source="the catalogue"
    )


def prices(book: PriceBook) -> dict[tuple[str, Plan], tuple[Decimal, PriceUnit]]:
    """Price and unit by SKU and plan."""
    return {(entry.sku, entry.plan): (entry.price, entry.unit) for entry in book.entries}


def test_integers_become_exact_prices() -> None:
    """By the hour and by the month, with the day from which they hold."""
    book = read(a_catalogue())
    assert {
        ("b2-60", Plan.HOURLY): (Decimal("0.51"), PriceUnit.HOUR),
        ("b2-60", Plan.MONTHLY): (Decimal(182), PriceUnit.MONTH),
    } == prices(book)
    assert {(TODAY, "the catalogue")} == {(e.valid_from, e.source) for e in book.entries}


def test_what_is_sold_by_size() -> None:
    """Volumes by the GiB and object storage by the GB, for an hour."""
    book = read(a_catalogue(), "volume.classic", "storage-standard", "win-b2-60")
    assert {
        ("volume.classic", Plan.HOURLY): (Decimal("0.00005556"), PriceUnit.GIB_HOUR),
        ("storage-standard", Plan.HOURLY): (Decimal("0.00000972"), PriceUnit.GB_HOUR),
        ("win-b2-60", Plan.HOURLY): (Decimal("0.99"), PriceUnit.HOUR),
    } == prices(book)


def test_families_may_name_addons_by_their_code() -> None:
    """The addons then stand beside the plans."""
    codes = [addon["planCode"] for addon in ADDONS]
    assert prices(read(a_catalogue())) == prices(read(a_catalogue(codes, addons=ADDONS)))


@pytest.mark.parametrize(
    ("catalogue", "skus", "complaint"),
    [
        pytest.param(a_catalogue(), ("b2-6",), "prices no b2-6", id="the begin of a name"),
        pytest.param(a_catalogue(), ("B2-60",), "prices no B2-60", id="other letters"),
        pytest.param(a_catalogue(locale={}), (), "locale.currencyCode", id="no currency"),
        pytest.param(a_catalogue(plans=[]), (), "project.2018", id="no such plan"),
        pytest.param({"locale": {"currencyCode": "EUR"}}, (), "plans", id="no plans"),
        *(
            pytest.param(
                a_catalogue([an_addon("b2-60.consumption", price)]),
                (),
                complaint,
                id=f"price {price!r}",
            )
            for price, complaint in [
                (-1, "b2-60.consumption: price -1"),
                (0.51, "integer of 1e-8"),
                (True, "integer of 1e-8"),
                ("51000000", "integer of 1e-8"),
                (10**14, "absurd"),
            ]
        ),
    ],
)
def test_what_makes_no_book(
    catalogue: dict[str, Any], skus: tuple[str, ...], complaint: str
) -> None:
    """It is refused with the place of the mistake."""
    with pytest.raises(Misconfigured, match=complaint):
        read(catalogue, *skus)
