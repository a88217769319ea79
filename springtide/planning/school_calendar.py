"""Which days are school holidays and public holidays in France, and up to when that is known.

As an operator reads it: the estate's school holidays file is heard first, then the built-in dates.
A date of which neither knows is refused, never guessed: a silent "no holiday" would open a fleet
all summer, a silent "holiday" would leave pupils without servers.

Example: 2026-10-19 is in the Toussaint holidays of all three zones; 2026-11-11 is a public holiday
and a school day; 2028-09-04 is beyond the built-in dates, and asking for it without a file that is
complete until then raises `Misconfigured`.
"""

from datetime import date, timedelta
from functools import cache

from holidays import HolidayBase, country_holidays
from vacances_scolaires_france import SchoolHolidayDates

from springtide.errors import Misconfigured
from springtide.model.school import SchoolHolidayEntry, SchoolHolidays
from springtide.model.window import SchoolZone


class SchoolCalendar:
    """School holidays by zone, and public holidays: the same answer to the same question."""

    def __init__(self, corrections: SchoolHolidays | None = None) -> None:
        """Hear `corrections` before the built-in dates."""
        said = corrections or SchoolHolidays()
        self._said = {key: name for entry in said.holidays for key, name in _days(entry)}
        self._built_in = _built_in_school_holidays()
        days = [day for day, _ in self._built_in]
        self.known_from = min(days)
        """The first date on which school holidays are known."""
        self.built_in_until = max(days)
        """The last date of the built-in holidays: beyond it they are not known, though the
        library answers "no"."""
        self.known_until = max(self.built_in_until, said.complete_until or date.min)
        """The last date on which school holidays are known, for every zone."""

    def school_holiday(self, day: date, zone: SchoolZone) -> str | None:
        """The name of the school holidays in that zone on that day; None: school is held.

        Raises:
            Misconfigured: nobody knows of that day.
        """
        key = (day, zone)
        if key in self._said:
            return self._said[key]
        if not self.known_from <= day <= self.known_until:
            raise Misconfigured(
                f"school holidays of zone {zone} are not known on {day}",
                field="school_holidays_file",
                allowed=f"dates from {self.known_from} until {self.known_until}; for later ones"
                " list the holidays in that file and set its complete_until",
            )
        return self._built_in.get(key)

    def public_holiday(self, day: date) -> str | None:
        """The French name of the public holiday of all France on that day; None: it is none.

        Raises:
            Misconfigured: the library does not know that year.
        """
        first, last = HolidayBase.start_year, HolidayBase.end_year
        if not first <= day.year <= last:
            raise Misconfigured(
                f"public holidays are not known on {day}", allowed=f"years {first} to {last}"
            )
        return _public_holidays(day.year).get(day)


def _days(entry: SchoolHolidayEntry) -> list[tuple[tuple[date, SchoolZone], str | None]]:
    span = range((entry.last_day - entry.first_day).days + 1)
    name = None if entry.school else entry.name
    return [((entry.first_day + timedelta(days=n), z), name) for n in span for z in entry.zones]


@cache
def _built_in_school_holidays() -> dict[tuple[date, SchoolZone], str]:
    # The table is part of the package and never changes while the process lives.
    table = SchoolHolidayDates()
    return {
        (day, zone): row["nom_vacances"]
        for day, row in table.data.items()
        for zone in SchoolZone
        if row[table.zone_key(zone.value)]
    }


@cache
def _public_holidays(year: int) -> dict[date, str]:
    # A table of the library that grows by itself marks a year as known before it has filled it:
    # another thread would read "no holiday" in between. So each year is made whole, and kept.
    return dict(country_holidays("FR", years=year, expand=False, language="fr"))
