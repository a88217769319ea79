"""Which price holds for a SKU in a region on a day, and what several books say together.

As an operator reads it: an entry for the region goes before one for all regions; a price that is
missing is told with SKU, region and day, and never taken to be zero.
"""

from collections.abc import Sequence
from datetime import date

from springtide.errors import Misconfigured, NotFound
from springtide.model.price import Plan, PriceBook, PriceEntry


def find_price(
    book: PriceBook, sku: str, *, region: str, day: date, plan: Plan = Plan.HOURLY
) -> PriceEntry:
    """The entry that prices the SKU there on that day.

    Raises:
        NotFound: there is none; the message names SKU, region and day.
    """
    found = [
        entry
        for entry in book.entries
        if entry.sku == sku
        and entry.plan is plan
        and entry.region in {region, None}
        and entry.holds_on(day)
    ]
    if not found:
        raise NotFound(f"no {plan} price for {sku} in {region} on {day} in {book.name}")
    return max(found, key=lambda entry: entry.region is not None)


def join_books(books: Sequence[PriceBook]) -> PriceBook:
    """All entries of the books as one; the first book's provider and account send the bill.

    Entries of a book of another account say which.

    Raises:
        Misconfigured: there is none, they are of two currencies, or two price the same.
    """
    if not books:
        raise Misconfigured("no price book is given", field="prices")
    first = books[0]
    for other in books[1:]:
        if other.currency != first.currency:
            raise Misconfigured(
                f"{other.name} is in {other.currency} and {first.name} in {first.currency}",
                field="currency",
                allowed="one currency in all price books",
            )
    entries = tuple(
        entry
        if book.billing_account == first.billing_account
        else entry.model_copy(
            update={"billing_account": entry.billing_account or book.billing_account}
        )
        for book in books
        for entry in book.entries
    )
    joined = first.model_copy(
        update={
            "name": " and ".join(book.name for book in books),
            "source": "; ".join(book.source for book in books),
            "dated": min(book.dated for book in books),
            "entries": entries,
            "monthly_resources": frozenset().union(*(b.monthly_resources for b in books)),
            "purchases": tuple(each for book in books for each in book.purchases),
        }
    )
    try:
        return PriceBook.model_validate(joined.model_dump())
    except ValueError as error:
        raise Misconfigured(f"the books {joined.name} contradict each other: {error}") from error
