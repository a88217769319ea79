"""When what has state is left alone: evenings, surges, and the hour at which clocks change.

As an operator reads it: nothing is begun from an hour before a window until its paid hours are
over, while a surge lasts, and between 02:00 and 03:00, when clocks change and night jobs run. A
repair may be needed just then: whoever asks says why, and that reason is part of what is approved.

Example: Monday, 15:05: "window evening begins at 16:00: nothing is begun from 15:00 on".
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.calendar import PARIS
from springtide.model.claim import ClaimBook, ClaimKind
from springtide.model.window import Window
from springtide.planning.evening_window import next_evening, paid_evening_at
from springtide.planning.school_calendar import SchoolCalendar

_CLOCKS_CHANGE_H = 2


def window_limitation(
    windows: Sequence[Window],
    calendar: SchoolCalendar,
    book: ClaimBook,
    *,
    before: timedelta,
    now: Moment,
) -> str | None:
    """Why nothing is begun now, every reason of it; None where it may be.

    Raises:
        Misconfigured: school holidays are needed to tell, and not known.
    """
    reasons = [
        *(reason for window in windows for reason in _window(window, calendar, before, now)),
        *_surges(book, now),
    ]
    if now.astimezone(PARIS).hour == _CLOCKS_CHANGE_H:
        reasons.append("it is between 02:00 and 03:00, when clocks change and night jobs run")
    return "; ".join(reasons) or None


def _window(
    window: Window, calendar: SchoolCalendar, before: timedelta, now: Moment
) -> Iterator[str]:
    if (evening := paid_evening_at(window, calendar, now=now)) is not None:
        yield f"window {window.name} is open until {_hour(evening.closes_at, window)}"
        return
    coming = next_evening(window, calendar, after=now)
    if coming is not None and now >= coming.claim_starts_at - before:
        since = _hour(coming.claim_starts_at - before, window)
        begins = _hour(coming.claim_starts_at, window)
        yield f"window {window.name} begins at {begins}: nothing is begun from {since} on"


def _surges(book: ClaimBook, now: Moment) -> Iterator[str]:
    if book.trouble is not None:
        yield f"whether a surge is under way is not known: {book.trouble}"
    for claim in book.claims:
        if claim.kind is ClaimKind.SURGE and claim.active_at(now):
            yield f"the surge {claim.key} of {claim.fleet} lasts until {claim.ends_at:%H:%M} UTC"


def _hour(moment: Moment, window: Window) -> str:
    return f"{moment.astimezone(window.zone):%H:%M}"
