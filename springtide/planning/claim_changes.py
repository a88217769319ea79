"""Stored claims as a person sees and changes them: listed, and made to last longer."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from springtide.errors import GuardRefused
from springtide.model.base import Model, Moment
from springtide.model.claim import Ceiling, Claim, ClaimBook, ClaimKind, Freeze, Rollout
from springtide.model.fleet import Fleet
from springtide.model.surge import SurgeCost, SurgeSpending
from springtide.planning.claim_book import entry_name
from springtide.planning.emergency_surge import month_end, month_of
from springtide.planning.telling import Row

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


def extension(
    old: Claim, wish: Longer, fleet: Fleet, *, price: Price, book: ClaimBook
) -> tuple[Claim, SurgeSpending | None]:
    """The claim that takes over from `old`, and what it takes of the month's budget.

    Whoever signed for `old` signed for its hours: what is beyond what the fleet authorises as a
    whole, in size, hours or cost, is asked for as a surge of its own.

    Raises:
        GuardRefused: it goes beyond what the fleet authorises for surges.
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
    if old.kind is not ClaimKind.SURGE:
        return claim, None
    cost = _authorised(claim, wish, fleet, price, book)
    spending = SurgeSpending(
        key=claim.key,
        fleet=fleet.name,
        month=month_of(wish.at),
        amount=cost.total,
        currency=cost.currency,
        until=month_end(wish.at),
        over_at=claim.ends_at,
    )
    return claim, spending


def longer_key(key: str, ident: str) -> str:
    """The key of the claim that takes over from the one of that key, by the wish of that ident."""
    return f"{key[:80]}-x{ident[:8]}"


def _authorised(
    claim: Claim, wish: Longer, fleet: Fleet, price: Price, book: ClaimBook
) -> SurgeCost:
    """What the added hours cost, where all that the claim is then is authorised."""
    policy, lasts_h = fleet.surge, (claim.ends_at - claim.starts_at).total_seconds() / 3600
    added, whole = price(wish.hours), price(lasts_h)
    ask = "ask for a surge instead, which a person can approve"
    if policy is None or book.trouble or added is None or whole is None:
        why = book.trouble or "the fleet has no surge policy or no price"
        raise GuardRefused(f"{why}: {ask}")
    if claim.servers > policy.max_servers:
        raise GuardRefused(f"{claim.servers} servers, {policy.max_servers} authorised: {ask}")
    if lasts_h > policy.max_hours:
        raise GuardRefused(f"hours: {lasts_h:g} in all, {policy.max_hours:g} authorised: {ask}")
    money = added.currency
    if whole.total > policy.budget:
        raise GuardRefused(
            f"hours: {whole.total:.2f} {money} in all, {policy.budget:.2f} authorised: {ask}"
        )
    month = (fleet.name, month_of(wish.at))
    spent = sum((s.amount for s in book.spendings if (s.fleet, s.month) == month), Decimal(0))
    if spent + added.total > policy.monthly_budget:
        raise GuardRefused(
            f"hours: {added.total:.2f} {money} more beside {spent:.2f} are above the"
            f" month's {policy.monthly_budget:.2f}: {ask}"
        )
    return added


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
