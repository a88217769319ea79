"""A window's evenings as a calendar that people subscribe to."""

from collections.abc import Iterable

from icalendar import Calendar, Event

from springtide.model.base import Moment
from springtide.model.window import Evening, SkippedEvening


def to_ical(found: Iterable[Evening | SkippedEvening], *, stamp: Moment) -> bytes:
    """The evenings as an iCalendar file (RFC 5545), times in UTC, one event for each date.

    An evening's UID is made of its window and date alone: reading the calendar again moves an
    event and never doubles it. A skipped date is an all-day event with status CANCELLED under the
    same UID, so that an evening which was published before disappears from people's calendars.
    `stamp` is when the calendar was made.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Springtide//evening windows//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Springtide evenings")
    for each in found:
        event = _opened(each) if isinstance(each, Evening) else _skipped(each)
        event.add("uid", f"window-{each.window}-{each.date:%Y%m%d}@springtide")
        event.add("dtstamp", stamp)
        event.add("description", each.reason)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _opened(evening: Evening) -> Event:
    event = Event()
    event.add("dtstart", evening.opens_at)
    event.add("dtend", evening.closes_at)
    event.add("summary", f"{evening.fleet}: {evening.servers} servers ({evening.window})")
    event.add("status", "CONFIRMED")
    return event


def _skipped(evening: SkippedEvening) -> Event:
    event = Event()
    event.add("dtstart", evening.date)
    event.add("summary", f"{evening.fleet}: no servers ({evening.window})")
    event.add("status", "CANCELLED")
    event.add("transp", "TRANSPARENT")
    return event
