"""What a person says about school holidays: entries that complete or correct the built-in dates."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from springtide.model.base import Model
from springtide.model.window import SchoolZone

LONGEST_DAYS = 366


class SchoolHolidayEntry(Model):
    """Some days in a row, in some zones, on which school is out (or is held after all)."""

    zones: Annotated[tuple[SchoolZone, ...], Field(min_length=1)]
    first_day: date
    """Inclusive."""
    last_day: date
    """Inclusive: the last day without school."""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    """What people call it, e.g. `Pont de l'Ascension`: it becomes the reason of a skip."""
    school: bool = False
    """True turns the entry round: school *is* held on these days, whatever the built-in dates
    say."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        days = (self.last_day - self.first_day).days + 1
        if not 1 <= days <= LONGEST_DAYS:
            raise ValueError(
                f"last_day {self.last_day} must be 0 to {LONGEST_DAYS - 1} days after"
                f" first_day {self.first_day}"
            )
        return self


class SchoolHolidays(Model):
    """The school holidays file: it is heard before the built-in dates."""

    complete_until: date | None = None
    """The last date up to which this file is complete: later than the built-in dates' end, what is
    not listed up to here is a school day. None: the file only adds to the built-in dates."""
    holidays: tuple[SchoolHolidayEntry, ...] = ()
    """Where entries overlap the last one counts."""
