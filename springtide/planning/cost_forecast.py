"""What a month or a school year will come to, how wrong such forecasts were, and who is told.

As an operator reads it: each day costs what stands every day (the median of the last days without
an evening), and what its evenings cost by plan, times how much dearer evenings were than planned
(the median of the last ones). So the calendar decides: holidays are cheap, and a surge lasts no
longer than it was claimed. The same forecast is made for earlier days and compared with what came:
its median error is told, and its errors span the bounds. A budget's alert is a share that is
reached, of what is spent or of what is expected.

Example: 3,100 spent until the 20th, four evenings of 92 left, 40 a day for the rest: 3,868 by the
31st, between 3,800 and 4,300, as nine in ten earlier forecasts were at most 11 % too low.

Limit: a surge that nobody has claimed is in no forecast; the upper bound knows those that came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from springtide.model.cost_figures import (
    AlertKind,
    BudgetAlert,
    CostForecast,
    ForecastDay,
)

_CENT = Decimal("0.01")
_NOTHING = Decimal(0)
_LOOK_BACK_DAYS = 42
_LAST_EVENINGS = 12
_LEAST_KNOWN_DAYS = 7
_LEAST_TESTS = 5
_WITHIN = (Decimal("0.05"), Decimal("0.95"))

Costs = Mapping[date, Decimal]


@dataclass(frozen=True)
class CostHistory:
    """Cost by day as far as it is known, and the evenings' cost by plan for every day."""

    actual: Costs
    """Days before the first one that is unknown; a day without cost is there with 0."""
    planned: Costs
    """Days without an evening are left out; it goes on beyond what is known."""


@dataclass(frozen=True)
class BudgetAmount:
    """What is held against a budget: spent so far, or expected."""

    kind: AlertKind
    budget: str
    """`month` or `school year`."""
    period: str
    """E.g. `2026-03`."""
    amount: Decimal
    incomplete: str | None = None
    """What is missing in it; None: nothing."""


@dataclass(frozen=True)
class _Habit:
    """What a day costs, learned from the last ones."""

    standing: Decimal
    evenings: Decimal
    """How many times the plan an evening costs."""

    def cost(self, planned: Decimal) -> Decimal:
        return self.standing + self.evenings * planned


def forecast_cost(
    name: str, history: CostHistory, *, first: date, last: date, known_until: date
) -> CostForecast:
    """The cost from `first` to `last`, both inclusive, known up to and with `known_until`."""
    habit = _habit(history, known_until)
    spent = sum((history.actual.get(day, _NOTHING) for day in _days(first, known_until)), _NOTHING)
    left = [day for day in _days(first, last) if day > known_until]
    rest = sum((habit.cost(history.planned.get(day, _NOTHING)) for day in left), _NOTHING)
    errors = _errors(history, first=first, known_until=known_until)
    low, high = _bounds(errors)
    evenings = sum(day in history.planned for day in left)
    return CostForecast(
        name=name,
        until=last,
        spent=_cents(spent),
        expected=_cents(spent + rest),
        low=_cents(spent + rest * low),
        high=_cents(spent + rest * high),
        evenings_left=evenings,
        error_percent=_median_error(errors),
        tested=len(errors),
        days=_course(history, habit, _days(first, last), (known_until, low, high)),
        reason=_reason(habit, evenings, len(left)),
    )


def budget_alerts(
    held: BudgetAmount, *, limit: Decimal, percents: Sequence[int], currency: str
) -> tuple[BudgetAlert, ...]:
    """Each share of the budget that the amount has reached."""
    amount = _cents(held.amount)
    return tuple(
        BudgetAlert(
            budget=held.budget,
            period=held.period,
            kind=held.kind,
            percent=percent,
            amount=amount,
            limit=limit,
            currency=currency,
            incomplete=held.incomplete,
        )
        for percent in sorted(set(percents))
        if amount * 100 >= limit * percent
    )


def _habit(history: CostHistory, known_until: date) -> _Habit:
    """What the last days tell, up to and with `known_until`."""
    recent = [
        day
        for day in _days(known_until - timedelta(days=_LOOK_BACK_DAYS - 1), known_until)
        if day in history.actual
    ]
    quiet = [history.actual[day] for day in recent if day not in history.planned]
    standing = median(quiet) if quiet else _NOTHING
    ratios = [
        (history.actual[day] - standing) / planned
        for day in recent
        if (planned := history.planned.get(day))
    ]
    return _Habit(standing, median(ratios[-_LAST_EVENINGS:]) if ratios else Decimal(1))


def _errors(history: CostHistory, *, first: date, known_until: date) -> list[Decimal]:
    """Actual over forecast of the rest, for the forecast as it would have been on earlier days."""
    begin = min(history.actual, default=first)
    found = []
    for day in _days(begin + timedelta(days=_LEAST_KNOWN_DAYS - 1), known_until):
        ahead = _days(day + timedelta(days=1), min(known_until, day + timedelta(days=28)))
        habit = _habit(history, day)
        expected = sum((habit.cost(history.planned.get(d, _NOTHING)) for d in ahead), _NOTHING)
        if len(ahead) >= _LEAST_KNOWN_DAYS and expected > 0:
            came = sum((history.actual.get(d, _NOTHING) for d in ahead), _NOTHING)
            found.append(came / expected)
    return found


def _bounds(errors: list[Decimal]) -> tuple[Decimal, Decimal]:
    """Between which factors nine in ten of the errors lay; with too few, a tenth each way."""
    if len(errors) < _LEAST_TESTS:
        return Decimal("0.9"), Decimal("1.1")
    ordered = sorted(errors)
    low, high = (ordered[int(share * (len(ordered) - 1))] for share in _WITHIN)
    return min(low, Decimal(1)), max(high, Decimal(1))


def _median_error(errors: list[Decimal]) -> Decimal | None:
    if len(errors) < _LEAST_TESTS:
        return None
    return (median(abs(error - 1) for error in errors) * 100).quantize(Decimal("0.1"))


def _course(
    history: CostHistory,
    habit: _Habit,
    days: Sequence[date],
    known: tuple[date, Decimal, Decimal],
) -> tuple[ForecastDay, ...]:
    """The sums from the first day on: actual as far as it is known, then between its bounds."""
    known_until, low, high = known
    spent, rest, course = _NOTHING, _NOTHING, []
    for day in days:
        is_known = day <= known_until
        if is_known:
            spent += history.actual.get(day, _NOTHING)
        else:
            rest += habit.cost(history.planned.get(day, _NOTHING))
        course.append(
            ForecastDay(
                day=day,
                actual=_cents(spent) if is_known else None,
                expected=_cents(spent + rest),
                low=_cents(spent + rest * low),
                high=_cents(spent + rest * high),
            )
        )
    return tuple(course)


def _reason(habit: _Habit, evenings: int, days: int) -> str:
    return (
        f"{days} days are left at {_cents(habit.standing)} each for what stands every day, with"
        f" {evenings} evenings at {habit.evenings:.2f} times their planned cost"
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)
