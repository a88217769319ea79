"""The calendar by which an estate in France reckons: its zone, and where its months end."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
"""By whose clock days, weeks and months are counted."""


def next_month(day: date) -> date:
    """The first day of the month after that day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
