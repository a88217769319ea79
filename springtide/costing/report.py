"""One report of cost, from what was read of usage, prices, calendar and budgets: pure.

It puts together what pricing says of the past, with its proofs, and planning of the future.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from springtide.costing.comparison import comparison, running_cells
from springtide.costing.gathering import Gathered
from springtide.costing.proving import Evidence, prove, unproven_without
from springtide.model.cost_figures import (
    AlertKind,
    Alternative,
    BudgetAlert,
    CostForecast,
    CostReport,
    ServiceFigures,
)
from springtide.model.cost_report import CostReporting, ReportPeriod, ReportStatus
from springtide.model.fleet import Fleet
from springtide.model.price import MissingPrice, PriceBook
from springtide.model.window import Window
from springtide.planning.cost_forecast import (
    BudgetAmount,
    CostHistory,
    budget_alerts,
    forecast_cost,
)
from springtide.planning.cost_report import evenings_between, month_of, school_year
from springtide.planning.known_usage import Untold, untold_between
from springtide.planning.planned_usage import planned_alternatives, planned_usage
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.cost_breakdown import (
    OWN,
    break_even,
    cost_groups,
    day_hours,
    unit_costs,
)
from springtide.pricing.paid_hours import clock_hours_touched
from springtide.pricing.planned_cost import (
    daily_cost,
    monthly_plan_cost,
    price_usage,
    usage_cost,
)


@dataclass(frozen=True)
class Standpoint:
    """From where the report looks: which days, when it is made, what it rests on."""

    period: ReportPeriod
    now: datetime
    known_until: date
    status: ReportStatus
    inputs: str
    revision: int = 0
    unknown: tuple[str, ...] = ()
    """What regions did not tell of the days that it looks at."""
    untold: Untold = field(default_factory=dict)
    """On which days since the school year began they did not tell all."""
    notes: tuple[str, ...] = ()

    @property
    def last_known(self) -> date:
        """The last day of the period whose usage is known."""
        return min(self.known_until, self.period.last)

    @property
    def known_days(self) -> tuple[date, ...]:
        """The period's days whose usage is known."""
        return tuple(day for day in self.period.days() if day <= self.last_known)


@dataclass(frozen=True)
class Premises:
    """What is planned and what it costs: the fleet, its windows, the calendar, prices, budgets."""

    fleet: Fleet
    windows: tuple[Window, ...]
    calendar: SchoolCalendar
    book: PriceBook
    reporting: CostReporting


@dataclass(frozen=True)
class Findings:
    """What the past was found to be."""

    gathered: Gathered
    evidence: Evidence
    service: ServiceFigures
    hindsight: Alternative | None = None
    """The least that could have been paid; None: the traffic of each hour is not known."""
    before: Mapping[str, Decimal] | None = None
    """Billed cost by group as the edition before had it; None: this one restates none."""
    notes: tuple[str, ...] = field(default=())


def cost_report(at: Standpoint, premises: Premises, found: Findings) -> CostReport:
    """The report.

    Raises:
        Misconfigured: school holidays are not known on a day that it has to plan.
    """
    forecasts = _forecasts(at, premises, found)
    spent = _spent(at, found)
    return CostReport(
        title=f"Cost of the {premises.fleet.name} platform",
        period=at.period,
        status=at.status,
        revision=at.revision,
        inputs=at.inputs,
        made_at=at.now,
        known_until=at.last_known,
        currency=premises.book.currency,
        vat=premises.book.vat,
        missing=found.gathered.missing,
        unknown=at.unknown,
        service=found.service,
        forecasts=forecasts,
        alerts=_alerts(premises, (*spent, *_expected(forecasts))),
        alternatives=_alternatives(at, premises),
        comparison=_comparison(at, premises, found),
        notes=(*at.notes, *found.notes),
        **_verdicts(at, premises, found),
        **_figures(at, premises, found),
    )


def _verdicts(at: Standpoint, premises: Premises, found: Findings) -> dict[str, Any]:
    opened = evenings_between(
        premises.windows, premises.calendar, first=at.period.first, last=at.last_known
    )
    proofs, reconciliations = prove(
        premises.fleet, premises.book, found.gathered, found.evidence, evenings=opened
    )
    if at.unknown:
        proofs = tuple(unproven_without(at.unknown[0], proof) for proof in proofs)
    hours = (clock_hours_touched(each.opens_at, each.closes_at) for each in opened)
    return {
        "proofs": proofs,
        "reconciliations": reconciliations,
        "window_hours": max(hours, default=None),
    }


def _figures(at: Standpoint, premises: Premises, found: Findings) -> dict[str, Any]:
    """Sums, and what the pictures are drawn from."""
    fleet, gathered, breakdown = premises.fleet, found.gathered, found.gathered.breakdown
    daily = breakdown.daily(at.period.first, at.last_known)
    groups = cost_groups(daily)
    hours = day_hours(gathered.servers, fleet.name)
    region, days = fleet.regions[0].name, at.known_days
    even = break_even(hours, premises.book, fleet.flavour, region=region, days=days)
    return {
        "billed": sum((billed for _, billed, _ in groups), Decimal(0)),
        "effective": sum((effective for _, _, effective in groups), Decimal(0)),
        "groups": groups,
        "corrections": _corrections({name: billed for name, billed, _ in groups}, found.before),
        "own_cost": next((effective for name, _, effective in groups if name == OWN), None),
        "running": running_cells(gathered.running, fleet.name),
        "daily": daily,
        "hours": hours,
        "break_even": even,
        "unit_costs": unit_costs(daily, gathered.sums),
        "storage": breakdown.storage(at.period.first, at.last_known),
    }


def _corrections(
    now: Mapping[str, Decimal], before: Mapping[str, Decimal] | None
) -> tuple[tuple[str, Decimal], ...]:
    """What each group became dearer by; groups that stayed as they were are left out."""
    if before is None:
        return ()
    found = {
        name: now.get(name, Decimal(0)) - before.get(name, Decimal(0))
        for name in sorted(now.keys() | before.keys())
    }
    return tuple((name, change) for name, change in found.items() if change)


def _forecasts(at: Standpoint, premises: Premises, found: Findings) -> tuple[CostForecast, ...]:
    """Of the month and the school year that the last known day is in, as far as they go on."""
    if at.known_until > at.period.last:
        return ()
    day = at.last_known
    year = school_year(day)
    first = max(year.first, found.gathered.begins_on)
    opened = evenings_between(premises.windows, premises.calendar, first=first, last=year.last)
    planned = price_usage(planned_usage(premises.fleet, opened), premises.book)
    history = CostHistory(_costs_since(first, at, found), daily_cost(planned))
    ahead = [each for each in planned.missing if each.last_day > day]
    return tuple(
        forecast_cost(name, history, first=span.first, last=span.last, known_until=day).model_copy(
            update={"incomplete": _lacking(at, found, span, ahead)}
        )
        for name, span in _budgeted(at, found).items()
        if day < span.last
    )


def _budgeted(at: Standpoint, found: Findings) -> dict[str, ReportPeriod]:
    """The month and the school year that the last known day is in, if all of them is known."""
    spans = {"month": month_of(at.last_known), "school year": school_year(at.last_known)}
    return {name: s for name, s in spans.items() if s.first >= found.gathered.begins_on}


def _costs_since(first: date, at: Standpoint, found: Findings) -> dict[date, Decimal]:
    """What each day from `first` until the last known one cost."""
    costs = found.gathered.breakdown.by_day()
    known = (first + timedelta(days=n) for n in range((at.last_known - first).days + 1))
    return {day: costs.get(day, Decimal(0)) for day in known}


def _lacking(
    at: Standpoint, found: Findings, span: ReportPeriod, planned: Iterable[MissingPrice] = ()
) -> str | None:
    """What is missing in the sums of the span: prices of what was used or is planned, and usage."""
    unpriced = (
        str(each)
        for each in (*found.gathered.unpriced, *planned)
        if each.day <= span.last and span.first <= each.last_day
    )
    reasons = (*unpriced, *untold_between(at.untold, span.first, at.last_known))
    return "; ".join(dict.fromkeys(reasons)) or None


def _spent(at: Standpoint, found: Findings) -> tuple[BudgetAmount, ...]:
    """What was spent of the month and the school year; of a final report nobody is told any more.

    Their last day is known only when they are over: then there is no forecast of them.
    """
    if at.status is not ReportStatus.PROVISIONAL:
        return ()
    return tuple(
        BudgetAmount(
            AlertKind.ACTUAL,
            name,
            span.name,
            sum(_costs_since(span.first, at, found).values(), Decimal(0)),
            incomplete=_lacking(at, found, span),
        )
        for name, span in _budgeted(at, found).items()
    )


def _expected(forecasts: Iterable[CostForecast]) -> tuple[BudgetAmount, ...]:
    periods = {"month": month_of, "school year": school_year}
    return tuple(
        BudgetAmount(
            AlertKind.FORECAST,
            each.name,
            periods[each.name](each.until).name,
            each.expected,
            incomplete=each.incomplete,
        )
        for each in forecasts
    )


def _alerts(premises: Premises, amounts: Iterable[BudgetAmount]) -> tuple[BudgetAlert, ...]:
    reporting = premises.reporting
    limits = {"month": reporting.month_budget, "school year": reporting.year_budget}
    return tuple(
        alert
        for held in amounts
        if (limit := limits[held.budget]) is not None
        for alert in budget_alerts(
            held,
            limit=limit,
            percents=reporting.alert_percents,
            currency=premises.book.currency,
        )
    )


def _comparison(at: Standpoint, premises: Premises, found: Findings) -> tuple[Alternative, ...]:
    if not at.known_days:
        return ()
    window = max((window.servers for window in premises.windows), default=0)
    others = comparison(
        premises.fleet, premises.book, days=at.known_days, window=window, found=found.gathered
    )
    return (*others, found.hindsight) if found.hindsight else others


def _alternatives(at: Standpoint, premises: Premises) -> tuple[Alternative, ...]:
    """What the windows would cost in other ways, over the whole period."""
    fleet, book = premises.fleet, premises.book
    planned = planned_alternatives(
        fleet,
        premises.windows,
        premises.calendar,
        period=at.period,
        flavours=premises.reporting.compare_flavours,
    )
    found = []
    for each in planned:
        cost = usage_cost(each.usage, book)
        if each.monthly_servers and cost is not None:
            monthly = monthly_plan_cost(
                book,
                fleet.flavour,
                region=fleet.regions[0].name,
                servers=each.monthly_servers,
                days=at.period.days(),
            )
            cost = None if monthly is None else cost + monthly
        found.append(Alternative(name=each.name, how=each.how, cost=cost, actual=each.actual))
    return tuple(found)
