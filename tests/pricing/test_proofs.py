"""The customer's sentences, computed: which hold, which do not, and which nobody can know."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from springtide.estate import read_price_book
from springtide.model.price import PriceBook, PriceUnit
from springtide.model.proof import ProofVerdict
from springtide.model.usage import UsageKind, UsageRecord, UsageSource, UsageTotal
from springtide.pricing.charges import price_totals
from springtide.pricing.proofs import prove_all
from tests.pricing.proving import BOOK, EVENINGS, a_figure, a_surge, an_evening, facts, named
from tests.pricing.using import a_book, a_record, an_entry

SHIPPED = Path(__file__).parents[2] / "deployments" / "prices" / "ovhcloud-2025-01.yaml"
PASS, FAIL, UNPROVEN = ProofVerdict.PASS, ProofVerdict.FAIL, ProofVerdict.UNPROVEN


def evenings(start: str = "16:00", end: str = "22:00", servers: int = 30) -> list[UsageRecord]:
    """Servers that stood so on each of the twelve evenings."""
    return [
        a_record(f"{day} {start}", f"{day} {end}", resource=f"i-{day}", amount=servers)
        for day in EVENINGS
    ]


TWELVE = tuple(an_evening(day) for day in EVENINGS)


def stored(amount: int) -> UsageRecord:
    """A container that held so many bytes for November's 720 hours."""
    return a_record(
        "2026-11-01 01:00",
        "2026-12-01 01:00",
        resource="c",
        kind=UsageKind.OBJECT_STORAGE,
        sku="object",
        amount=amount,
    )


def opened(connections: int) -> UsageRecord:
    """So many within an hour of a Monday."""
    return a_record(
        "23 16:00", "23 17:00", resource="lb", kind=UsageKind.CONNECTIONS, amount=connections
    )


def used(servers: int, hours: int, *, monthly: bool = False) -> UsageTotal:
    """So many servers for so many hours of one day's total."""
    return UsageTotal(
        resource=f"{'monthly' if monthly else 'hourly'}-{servers}",
        kind=UsageKind.INSTANCE,
        sku="b2-60",
        region="GRA11",
        source=UsageSource.NOVA,
        day=date(2026, 11, 2),
        stood_s=servers * hours * 3600,
        clock_hours=servers * hours,
        started_hours=servers * hours,
    )


@pytest.mark.parametrize(
    ("hourly", "monthly", "expected"),
    [
        pytest.param([(300, 720)], 0, 110_160, id="300 always on by the hour"),
        pytest.param([], 300, 54_600, id="300 on the monthly plan"),
        pytest.param([(300, 72)], 0, 11_016, id="300 for the evenings"),
        pytest.param([(30, 720)], 0, 11_016, id="30 always on by the hour"),
        pytest.param([], 30, 5_460, id="30 on the monthly plan"),
        pytest.param([(270, 72)], 30, Decimal("15374.4"), id="30 monthly and 270 for the evenings"),
        pytest.param([(300, 96)], 0, 14_688, id="300, opened early and closed late"),
    ],
)
def test_the_table_of_the_customers_claims(
    hourly: list[tuple[int, int]], monthly: int, expected: Decimal
) -> None:
    """What a month of b2-60 costs by each plan.

    Source: OVHcloud's French price list of 2025-01, excluding VAT.
    """
    plans = [used(servers, hours) for servers, hours in hourly]
    plans += [
        used(1, 720, monthly=True).model_copy(update={"resource": f"m-{number}"})
        for number in range(monthly)
    ]
    book = BOOK.model_copy(
        update={"monthly_resources": frozenset(f"m-{number}" for number in range(monthly))}
    )
    assert expected == price_totals(plans, book).billed_cost


@pytest.mark.parametrize(
    ("start", "end", "name", "verdict", "result"),
    [
        pytest.param("16:00", "22:00", "hours-per-four-weeks", PASS, 72, id="72 hours"),
        pytest.param("15:45", "22:05", "hours-per-four-weeks", FAIL, 96, id="96 hours"),
        pytest.param("15:45", "22:00", "hours-per-four-weeks", FAIL, 84, id="84 hours"),
        pytest.param("16:00", "22:00", "hours-per-evening", PASS, 6, id="6 an evening"),
        pytest.param("16:00", "22:00:01", "hours-per-evening", FAIL, 7, id="7 an evening"),
        pytest.param("16:00", "22:00", "hours-in-2026-11", PASS, 72, id="the month's"),
        pytest.param("16:00", "22:00", "early-and-late", PASS, 0, id="nothing beside"),
        pytest.param(
            "15:45", "22:00", "early-and-late", FAIL, Decimal("183.60"), id="360 early hours"
        ),
        pytest.param("16:00", "22:00", "idle-hours", PASS, 0, id="none idle"),
        pytest.param("16:00", "22:00", "rounding-waste", PASS, 0, id="nothing rounded"),
        pytest.param("15:57", "22:00", "rounding-waste", FAIL, Decimal("13.5714"), id="57 minutes"),
        pytest.param("16:00", "22:00", "against-always-on", PASS, 10, id="a tenth"),
        pytest.param(
            "15:45", "22:05", "against-always-on", FAIL, Decimal("7.5"), id="no tenth if early"
        ),
        pytest.param(
            "16:00", "22:00", "against-monthly-plan", PASS, Decimal("4.9564"), id="a fifth"
        ),
    ],
)
def test_evenings(start: str, end: str, name: str, verdict: ProofVerdict, result: Decimal) -> None:
    """Twelve evenings of thirty servers in November 2026."""
    found = named(prove_all(facts(*evenings(start, end), occasions=TWELVE)), name)
    assert (verdict, round(Decimal(result), 4)) == (found.verdict, round(found.result or 0, 4))


@pytest.mark.parametrize(
    ("name", "missing", "more"),
    [
        pytest.param("price-halved", "cost-before", (), id="the bill before"),
        pytest.param("usage-fivefold", "connection was counted", (), id="connections"),
        pytest.param("infrastructure-tenfold", "no surge", (), id="a surge"),
        pytest.param("storage-moved", "nothing is in object storage", (), id="documents"),
        pytest.param(
            "storage-moved", "nothing is in object storage", (stored(0),), id="an empty container"
        ),
        pytest.param(
            "cost-per-1000-connections", "no connection", (), id="connections for the cost"
        ),
    ],
)
def test_what_cannot_be_known(name: str, missing: str, more: tuple[UsageRecord, ...]) -> None:
    """It is UNPROVEN and says what is missing and what would overturn it."""
    found = named(prove_all(facts(*evenings(), *more, occasions=TWELVE)), name)
    assert (UNPROVEN, True) == (found.verdict, missing in found.why)
    assert found.overturned_by


def test_an_empty_period_proves_nothing_and_fails_nowhere() -> None:
    """No evening, no server: only that nothing was wasted holds."""
    found = {proof.statement.name: proof.verdict for proof in prove_all(facts())}
    assert {"early-and-late", "idle-hours"} == {
        name for name, verdict in found.items() if verdict is not UNPROVEN
    }


ON_HOURS = ("hours-", "early-", "idle-", "rounding-", "against-")
"""How the names begin of what rests on the servers' hours."""


def test_evenings_without_a_server_in_the_ledger_prove_nothing() -> None:
    """An empty ledger is one that was not kept, and no saving."""
    found = [p for p in prove_all(facts(occasions=TWELVE)) if p.statement.name.startswith(ON_HOURS)]
    assert {UNPROVEN} == {proof.verdict for proof in found}
    assert len(found) > len(ON_HOURS)


@pytest.mark.parametrize(
    ("start", "name", "verdict"),
    [
        pytest.param("16:00", "hours-per-evening", UNPROVEN, id="its hours might be more"),
        pytest.param("16:00", "hours-per-four-weeks", UNPROVEN, id="of twelve, too"),
        pytest.param("16:00", "hours-in-2026-11", UNPROVEN, id="of the month, too"),
        pytest.param("16:00", "against-always-on", UNPROVEN, id="it might cost more"),
        pytest.param("16:00", "against-monthly-plan", UNPROVEN, id="beside the plan, too"),
        pytest.param("16:00", "price-halved", UNPROVEN, id="beside the bill before, too"),
        pytest.param("16:00", "cost-per-1000-connections", UNPROVEN, id="by connections, too"),
        pytest.param("10:00", "hours-in-2026-11", FAIL, id="more than all of them may have"),
        pytest.param("15:00", "early-and-late", FAIL, id="what was seen"),
    ],
)
def test_an_evening_without_a_server_in_the_ledger(
    start: str, name: str, verdict: ProofVerdict
) -> None:
    """Its hours are not known and can only add to the others: no PASS holds, and each FAIL does."""
    given = facts(
        *evenings(start)[1:],
        opened(2_000_000),
        occasions=TWELVE,
        billed_cost=Decimal(500),
        figures=(a_figure("cost-before", "1000"), a_figure("cost-per-1000-before", "0.25")),
    )
    found = named(prove_all(given), name)
    assert verdict == found.verdict
    assert (verdict is UNPROVEN) == ("evening of 2026-11-02" in found.why)


def test_each_month_is_held_against_its_own_evenings_alone() -> None:
    """November is proved where December has an evening that is not in the ledger."""
    given = facts(*evenings(), occasions=(*TWELVE, an_evening("2026-12-01")), end=date(2027, 1, 1))
    found = prove_all(given)
    assert PASS == named(found, "hours-in-2026-11").verdict
    assert UNPROVEN == named(found, "hours-in-2026-12").verdict


def test_three_evenings_are_no_four_weeks() -> None:
    """A part is not projected to a whole."""
    found = prove_all(facts(*evenings()[:3], occasions=TWELVE[:3]))
    assert UNPROVEN == named(found, "hours-per-four-weeks").verdict
    assert PASS == named(found, "hours-per-evening").verdict


@pytest.mark.parametrize(
    ("servers", "verdict"), [pytest.param(300, PASS, id="300"), pytest.param(299, FAIL, id="299")]
)
def test_the_infrastructure_grew_tenfold(servers: int, verdict: ProofVerdict) -> None:
    """Beside the servers of an ordinary evening."""
    surge = a_record("2026-11-27 10:00", "2026-11-27 14:00", resource="s", amount=servers)
    occasions = (*TWELVE, a_surge("2026-11-27 10:00", 4, servers))
    found = prove_all(facts(*evenings(), surge, occasions=occasions))
    assert verdict == named(found, "infrastructure-tenfold").verdict
    assert PASS == named(found, "idle-hours").verdict


@pytest.mark.parametrize(
    ("before", "verdict"),
    [pytest.param("1000000", PASS, id="1 million"), pytest.param("1000001", FAIL, id="one more")],
)
def test_usage_grew_fivefold(before: str, verdict: ProofVerdict) -> None:
    """The most of a day, summed over its hours, beside a named day before."""
    hours = [
        a_record(
            f"2026-11-23 {hour}:00",
            f"2026-11-23 {hour + 1}:00",
            resource="lb",
            kind=UsageKind.CONNECTIONS,
            amount=1_250_000,
        )
        for hour in range(16, 20)
    ]
    found = prove_all(facts(*hours, figures=(a_figure("connections-before", before),)))
    assert verdict == named(found, "usage-fivefold").verdict


@pytest.mark.parametrize(
    ("before", "complete", "verdict"),
    [
        pytest.param("22032", True, PASS, id="half of it"),
        pytest.param("22031", True, FAIL, id="a euro more than half"),
        pytest.param("22032", False, UNPROVEN, id="prices are missing"),
        pytest.param("0", True, UNPROVEN, id="nothing was paid before"),
    ],
)
def test_the_price_was_halved(before: str, *, complete: bool, verdict: ProofVerdict) -> None:
    """Only beside the bill of before, and only where all usage has its price."""
    given = facts(
        billed_cost=Decimal(11_016), complete=complete, figures=(a_figure("cost-before", before),)
    )
    assert verdict == named(prove_all(given), "price-halved").verdict


@pytest.mark.parametrize(
    ("begin", "end", "verdict"),
    [
        pytest.param(date(2026, 11, 1), date(2026, 12, 1), PASS, id="a month"),
        pytest.param(date(2026, 11, 1), date(2027, 1, 1), PASS, id="two months"),
        pytest.param(date(2026, 11, 1), date(2026, 11, 30), UNPROVEN, id="a day too few"),
        pytest.param(date(2026, 11, 1), date(2026, 12, 2), UNPROVEN, id="a day too many"),
        pytest.param(date(2026, 11, 2), date(2026, 12, 1), UNPROVEN, id="from the second on"),
        pytest.param(date(2026, 11, 1), date(2026, 11, 4), UNPROVEN, id="three days"),
    ],
)
@pytest.mark.parametrize("name", ["price-halved", "against-monthly-plan"])
def test_what_is_paid_by_the_month_is_held_against_whole_months(
    name: str, begin: date, end: date, verdict: ProofVerdict
) -> None:
    """A month's bill or plan beside the days so far would make anything cheap."""
    given = facts(
        *evenings(),
        occasions=TWELVE,
        begin=begin,
        end=end,
        billed_cost=Decimal("367.20"),
        figures=(a_figure("cost-before", "1000"),),
    )
    assert verdict == named(prove_all(given), name).verdict


def test_a_thousand_connections() -> None:
    """Their cost is told even where there is nothing to compare it with."""
    now = facts(opened(2_000_000), billed_cost=Decimal(500))
    alone = named(prove_all(now), "cost-per-1000-connections")
    assert (UNPROVEN, Decimal("0.25")) == (alone.verdict, alone.result)
    beside = facts(
        opened(2_000_000),
        billed_cost=Decimal(500),
        figures=(a_figure("cost-per-1000-before", "0.25"),),
    )
    assert PASS == named(prove_all(beside), "cost-per-1000-connections").verdict


@pytest.mark.parametrize(
    ("book", "sku"),
    [
        pytest.param(BOOK, "object", id="a test's prices"),
        pytest.param(read_price_book(SHIPPED), "object-storage", id="the book that is shipped"),
    ],
)
def test_documents_moved_to_object_storage(book: PriceBook, sku: str) -> None:
    """30 TB for a month of 720 hours: 2,515 on fast blocks, by the GiB, and 300 as objects."""
    documents = stored(30 * 10**12).model_copy(update={"sku": sku})
    found = named(prove_all(facts(documents, book=book)), "storage-moved")
    assert {"on blocks": 2515, "in object storage": 300} == {
        each.name: round(each.value) for each in found.inputs[1:] if each.value is not None
    }
    assert (PASS, Decimal("8.38")) == (found.verdict, round(found.result or 0, 2))


def test_object_storage_for_nothing_has_no_ratio() -> None:
    """A price of 0 divides nothing."""
    given_away = an_entry("object", "0", unit=PriceUnit.GB_MONTH)
    book = a_book(an_entry("volume.high-speed", "0.09", unit=PriceUnit.GIB_MONTH), given_away)
    found = named(prove_all(facts(stored(10**12), book=book)), "storage-moved")
    assert (UNPROVEN, True) == (found.verdict, "costs nothing" in found.why)


def test_a_flavour_without_a_monthly_plan_has_no_such_baseline() -> None:
    """Flavours of generation 3 have savings plans instead."""
    given = facts(*evenings(), occasions=TWELVE, book=a_book(an_entry()))
    found = named(prove_all(given), "against-monthly-plan")
    assert (UNPROVEN, True) == (found.verdict, "no monthly price for b2-60" in found.why)


def test_calendar_months_have_72_to_90_hours() -> None:
    """Mondays to Wednesdays of three years: 12 to 15 evenings, each month held against its own."""
    first, last = date(2025, 1, 1), date(2027, 12, 31)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    occasions = tuple(an_evening(day.isoformat(), 1) for day in days if day.weekday() < 3)
    records = [a_record(each.begins_at, each.ends_at, resource=each.name) for each in occasions]
    given = facts(*records, occasions=occasions, begin=first, end=last)
    months = [p for p in prove_all(given) if p.statement.name.startswith("hours-in-")]
    hours = [proof.result for proof in months if proof.result is not None]
    assert (36, {PASS}) == (len(months), {proof.verdict for proof in months})
    assert (72, 90, 78) == (min(hours), max(hours), round(sum(hours) / 36))


def test_every_verdict_has_its_reason_and_can_be_overturned() -> None:
    """And every input says where it is from."""
    found = prove_all(facts(*evenings(), occasions=TWELVE))
    assert [] == [p.statement.name for p in found if not (p.why and p.overturned_by)]
    assert [] == [each for p in found for each in p.inputs if not each.source]
