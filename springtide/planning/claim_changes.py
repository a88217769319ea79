"""Stored claims as a person sees and changes them: listed, and made to last longer."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from math import floor

from springtide.errors import GuardRefused
from springtide.model.base import Model, Moment
from springtide.model.claim import (
    Ceiling,
    Claim,
    ClaimBook,
    ClaimKind,
    Freeze,
    Rollout,
    longer_key,
)
from springtide.model.fleet import Fleet
from springtide.model.surge import SurgeCost, SurgeSpending
from springtide.model.window import Window
from springtide.planning.claim_book import entry_name
from springtide.planning.evening_schedules import Keeping, keepings
from springtide.planning.surge_budget import (
    SurgeDemand,
    beyond_policy,
    paris_month,
    spending_of,
    spent_in_month,
)
from springtide.planning.telling import Row

ORDER_HOURS = 24.0
"""Longest order of a fleet without surges, from its beginning: it was of one evening."""
_ASK = "ask for a surge instead, which a person can approve"
_Listed = Claim | Ceiling | Freeze | Rollout
Price = Callable[[float], SurgeCost | None]
"""Hours of a claim's servers → what they cost at most; None where that is not known."""


def entry_rows(book: ClaimBook) -> list[Row]:
    """Claims, ceilings, freezes and rollouts as a table, the one that ends first on top."""
    entries: list[_Listed] = [*book.claims, *book.ceilings, *book.freezes, *book.rollouts]
    return [_row(entry) for entry in sorted(entries, key=lambda e: (e.ends_at, e.key))]


def claim_named(name: str, book: ClaimBook) -> Claim:
    """The stored claim of that name.

    Raises:
        GuardRefused: there is none; the message names those that are.
    """
    found = {entry_name(claim): claim for claim in book.claims}
    if name not in found:
        known = ", ".join(sorted(found)) or "none is stored"
        raise GuardRefused(f"name: no claim {name!r} (stored: {known})")
    return found[name]


class Longer(Model):
    """A person's wish that a claim lasts so much longer."""

    ident: str
    """Unique: its begin becomes part of the new claim's key."""
    hours: float
    owner: str
    reason: str
    at: Moment


def keeping_limitation(
    old: Claim, wish: Longer, fleet: Fleet, windows: Iterable[Window]
) -> str | None:
    """Why nothing would take the fleet down at the longer claim's end; None: a keeping does.

    A fleet with surges is kept around the clock, another one around its windows alone: what still
    stands after the last tick of an evening would stand, and be paid for, until the next one.
    """
    if fleet.surge is not None:
        return None
    known, leaving = tuple(windows), timedelta(seconds=fleet.timeouts.leaving_s)
    ends_at = old.ends_at + timedelta(hours=wish.hours)
    if any(k.first <= ends_at <= k.last - leaving for k in _keepings(known, ends_at)):
        return None
    now_kept = [k for k in _keepings(known, old.ends_at) if k.first <= old.ends_at]
    last = max(now_kept, key=lambda k: k.last, default=None)
    if last is None or last.last - leaving <= old.ends_at:
        return f"hours: {old.key} cannot be made longer: {_unkept(fleet, last)}"
    latest = last.last - leaving
    most_h = floor((latest - old.ends_at) / timedelta(hours=1) * 100) / 100
    until = f"{latest.astimezone(last.zone):%H:%M %Z}"
    return (
        f"hours: given {wish.hours:g}, must be above 0 and at most {most_h:g} (until {until}):"
        f" {_unkept(fleet, last)}"
    )


def extension(
    old: Claim, wish: Longer, fleet: Fleet, *, price: Price, book: ClaimBook
) -> tuple[Claim, SurgeSpending | None]:
    """The claim that takes over from `old`, and what it takes of the month's budget.

    Whoever signed for `old` signed for its hours: what is beyond what the fleet authorises as a
    whole, in size, hours or cost, is asked for as a surge of its own. An order has no budget; it
    may be as long as a surge that nobody approves.

    Raises:
        GuardRefused: it goes beyond that.
    """
    longer = old.model_copy(
        update={
            "key": longer_key(old.key, wish.ident),
            "ends_at": old.ends_at + timedelta(hours=wish.hours),
            "owner": wish.owner,
            "reason": f"{wish.reason} (longer than {old.key})"[:500],
        }
    )
    claim = Claim.model_validate(longer.model_dump())
    if old.kind is ClaimKind.SURGE:
        cost = _authorised(claim, wish, fleet, price, book)
        return claim, spending_of(claim, cost, at=wish.at)
    if (why := _order_limitation(claim, fleet)) is not None:
        raise GuardRefused(why)
    return claim, None


def _keepings(windows: Iterable[Window], around: datetime) -> list[Keeping]:
    return [each for window in windows for each in keepings(window, around=around)]


def _unkept(fleet: Fleet, last: Keeping | None) -> str:
    told = f"at {last.last.astimezone(last.zone):%H:%M %Z}" if last else "over by then"
    return (
        f"fleet {fleet.name} has no `surge`, so its last keeping is {told}; what has not left by"
        f" then (it takes {fleet.timeouts.leaving_s:g} s) is paid for until the next evening"
    )


def _order_limitation(order: Claim, fleet: Fleet) -> str | None:
    """Why an order may not last so long; None: it may."""
    most_h = fleet.surge.max_hours if fleet.surge else ORDER_HOURS
    if (lasts_h := _hours(order)) <= most_h:
        return None
    ask = f": {_ASK}" if fleet.surge else ""
    return f"hours: {lasts_h:g} in all are more than the {most_h:g} of an order{ask}"


def _authorised(
    claim: Claim, wish: Longer, fleet: Fleet, price: Price, book: ClaimBook
) -> SurgeCost:
    """What the added hours cost, where all that the claim is then is authorised."""
    policy, added, lasts_h = fleet.surge, price(wish.hours), _hours(claim)
    if policy is None or added is None:
        raise GuardRefused(f"the fleet has no surge policy or no price: {_ASK}")
    demand = SurgeDemand(servers=claim.servers, hours=lasts_h, cost=price(lasts_h), added=added)
    # A run that was killed after it had stored what it takes is run again under the same key.
    spent = spent_in_month(book, fleet.name, paris_month(wish.at), but=claim.key)
    beyond = tuple(beyond_policy(demand, policy, book, spent=spent))
    if beyond:
        raise GuardRefused(f"in all: {'; '.join(beyond)}: {_ASK}")
    return added


def _hours(claim: Claim) -> float:
    return (claim.ends_at - claim.starts_at).total_seconds() / 3600


def _row(entry: _Listed) -> Row:
    what = entry.kind.value if isinstance(entry, Claim) else type(entry).__name__.lower()
    return {
        "name": entry_name(entry),
        "what": what,
        "fleet": entry.fleet,
        "servers": entry.servers if isinstance(entry, Claim | Ceiling) else "",
        "from": f"{entry.starts_at:%Y-%m-%d %H:%M %Z}",
        "until": f"{entry.ends_at:%Y-%m-%d %H:%M %Z}",
        "owner": entry.owner,
        "reason": entry.reason,
    }
