"""Until when usage is known, and on which days a region did not tell it.

As an operator reads it: with each collection the ledger keeps which regions were looked at, and for
which hours. A day is known once every region in which a fleet may stand was looked at for all of
it. A report whose period is not settled ends with its last day that is known. A day before it that
a region did not tell, or any day of a settled period, leaves the report incomplete, and what it
claims unproven: who did not answer did not cost nothing. Where no day of the period is known, all
of them are reported so.

A region is held to it from the day after its first look; one that never answered, from the day
after the first look at any other. What was collected before looks were kept is taken as it is.

Example: on 2026-11-20 one of three regions has not answered since noon of the 18th: the month so
far is reported until the 17th. On 2026-12-04 it is reported whole, and says which days that region
did not tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from springtide.model.cost_report import ReportPeriod

Looked = Mapping[str, Mapping[date, bool]]
"""Of each region the days on which it was looked at: whether for all of the day."""
Untold = Mapping[str, Sequence[date]]
"""Of each region the days on which it did not tell all of its usage."""
_DAY = timedelta(days=1)
_NEVER = (
    "Nothing is noted of which regions were looked at: whether all of them told their usage,"
    " nobody can say."
)


@dataclass(frozen=True)
class KnownUsage:
    """How far a report of a period can look."""

    until: date
    """The last day that it looks at; within the period it is known."""
    unknown: tuple[str, ...] = ()
    """What of the days until then was not told."""
    notes: tuple[str, ...] = ()


def known_usage(
    period: ReportPeriod,
    looked: Looked,
    regions: Iterable[str],
    *,
    yesterday: date,
    settled: bool,
) -> KnownUsage:
    """What is known of the period; `yesterday` is the last day that is over."""
    since = _noted_since(looked, regions)
    if not since:
        return KnownUsage(yesterday, notes=(_NEVER,))
    over = [day for day in period.days() if day <= yesterday]
    untold = untold_days(looked, regions, over)
    until = yesterday if settled else _last_known(over, untold, yesterday)
    awaited = {name: [day for day in days if day > until] for name, days in untold.items()}
    return KnownUsage(
        until,
        unknown=untold_between(untold, period.first, until),
        notes=(
            *(f"{n} has not told all usage of {_spans(d)} yet." for n, d in awaited.items() if d),
            *_unnoted(period, since),
        ),
    )


def untold_days(looked: Looked, regions: Iterable[str], days: Sequence[date]) -> Untold:
    """Those of the days on which a region that is held to it did not tell all of its usage."""
    return {
        name: [day for day in days if day >= begin and not looked.get(name, {}).get(day)]
        for name, begin in _noted_since(looked, regions).items()
    }


def untold_between(untold: Untold, first: date, last: date) -> tuple[str, ...]:
    """A sentence for each region that did not tell all from `first` to `last`, both inclusive."""
    return tuple(
        f"{name} did not tell all usage of {_spans(found)}"
        for name, days in untold.items()
        if (found := [day for day in days if first <= day <= last])
    )


def _noted_since(looked: Looked, regions: Iterable[str]) -> dict[str, date]:
    """From which day on each region is held to it; nothing where nobody ever looked."""
    first_looks = {name: min(days) for name, days in looked.items() if days}
    if not first_looks:
        return {}
    first_of_all = min(first_looks.values())
    return {name: first_looks.get(name, first_of_all) + _DAY for name in sorted(regions)}


def _last_known(over: list[date], untold: Untold, yesterday: date) -> date:
    missing = {day for days in untold.values() for day in days}
    known = [day for day in over if day not in missing]
    return known[-1] if known and known[-1] < over[-1] else yesterday


def _unnoted(period: ReportPeriod, since: Mapping[str, date]) -> Iterable[str]:
    for begin in sorted({begin for begin in since.values() if begin > period.first}):
        names = ", ".join(name for name, of_region in since.items() if of_region == begin)
        yield f"Whether {names} told all usage is noted since {begin}, and not before."


def _spans(days: list[date]) -> str:
    """Days as people write them: `2026-11-03, 2026-11-05 to 2026-11-09`."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == _DAY:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return ", ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in spans)
