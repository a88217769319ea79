"""Whether something may be begun now: the windows and surges as they stand."""

from datetime import timedelta
from pathlib import Path

from springtide.estate import school_holidays
from springtide.model.base import Moment
from springtide.planning.change_windows import window_limitation
from springtide.planning.school_calendar import SchoolCalendar
from tasks.claims import read_claims
from tasks.cloud import read_estate


async def begin_limitation(estate_file: Path, *, before_minutes: float, now: Moment) -> str | None:
    """Why nothing that has state is begun now; None where it may be."""
    estate = read_estate(estate_file)
    book, _ = await read_claims(now)
    return window_limitation(
        estate.windows,
        SchoolCalendar(school_holidays(estate, estate_file)),
        book,
        before=timedelta(minutes=before_minutes),
        now=now,
    )
