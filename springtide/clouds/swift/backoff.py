"""How patient a store is: attempts, pauses between them, and the server's own advice."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

from pydantic import Field

from springtide.model.base import Model

_Pause = Annotated[float, Field(ge=0, le=3600)]
_TimeOut = Annotated[float, Field(gt=0, le=3600)]


class StorePolicy(Model):
    """How a store is spoken to."""

    connections: Annotated[int, Field(ge=1, le=256)] = 8
    """Most calls at once, each on a connection of its own; others wait for their turn."""
    page_size: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """Lines asked for in one page of a listing."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    """How often one call is tried."""
    first_pause_s: _Pause = 0.5
    """After the first failure; each further pause is twice as long, less up to a half by chance."""
    longest_pause_s: _Pause = 30.0
    longest_advice_s: _Pause = 120.0
    """A server that asks for a longer pause than this ends the call: its caller knows better."""
    connect_timeout_s: _TimeOut = 10.0
    """For a connection, and for each 256 KiB that are sent."""
    timeout_s: _TimeOut = 60.0
    """Longest silence of the server; an answer to a large object takes a while to begin."""
    turn_timeout_s: _TimeOut = 600.0
    """Longest wait for one of the connections."""


def pause_s(policy: StorePolicy, failures: int, advised: float | None, chance: float) -> float:
    """The pause after so many failures, in seconds; `chance` is from 0 to 1.

    Never shorter than what the server advised; then a little by chance, so that many clients that
    were turned away together do not come back together.
    """
    if advised is not None:
        return advised + chance * policy.first_pause_s
    grown: float = min(policy.longest_pause_s, policy.first_pause_s * 2.0 ** (failures - 1))
    return grown * (1 - chance / 2)


def advised_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """What `Retry-After` advises, in seconds from now; None where it says nothing one can read.

    A date counts from the answer's own Date, as the server's clock need not be ours.

    Source: RFC 9110, section 10.2.3.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (_moment(value) - _told(headers, now)).total_seconds())
    except ValueError:
        return None


def _told(headers: Mapping[str, str], now: datetime) -> datetime:
    try:
        return _moment(headers.get("Date", ""))
    except ValueError:
        return now


def _moment(text: str) -> datetime:
    """A date of HTTP.

    Raises:
        ValueError: it is none.
    """
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
