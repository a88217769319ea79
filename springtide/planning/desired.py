"""How many servers a fleet should have now: the largest claim, under the lowest ceiling.

As an operator reads it: every claim that holds now speaks, and the largest counts. A ceiling (a
person's "fewer" or "not tonight") caps it. The fleet's own bounds have the last word. Nobody
subtracts: when the window ends while a surge holds, the surge's number stands.

Example: the window says 30, a surge says 120, a ceiling says 80, the fleet allows 0 to 300.
Desired: 80, asked: 120, "surge … asks for 120", "ceiling … allows 80".
"""

from collections.abc import Iterable

from springtide.model.base import Moment
from springtide.model.claim import Ceiling, Claim, ClaimBook, Desired
from springtide.model.fleet import Fleet


def desired_size(
    fleet: Fleet, *, windows: Iterable[Claim], book: ClaimBook, now: Moment
) -> Desired:
    """The fleet's desired size at `now`, with every voice that spoke.

    `windows` are the claims of the calendar (only those of this fleet count), `book` what is
    stored. While the store is in trouble the answer forbids removal: a claim that cannot be read
    may be one that still holds.
    """
    # A dry run of an order that is stored already knows it twice.
    known = {c.key: c for c in (*windows, *book.claims) if c.fleet == fleet.name}
    claims = list(known.values())
    ceilings = [c for c in book.ceilings if c.fleet == fleet.name]
    speaking = sorted((c for c in claims if c.active_at(now)), key=lambda c: (-c.servers, c.key))
    capping = sorted((c for c in ceilings if c.active_at(now)), key=lambda c: (c.servers, c.key))
    asked = speaking[0].servers if speaking else 0
    capped = min(asked, capping[0].servers) if capping else asked
    servers = min(max(capped, fleet.min_servers), fleet.max_servers)
    return Desired(
        fleet=fleet.name,
        at=now,
        servers=servers,
        asked=asked,
        reasons=_reasons(fleet, book, speaking, capping, capped=capped),
        may_remove=book.trouble is None,
        regions=speaking[0].regions if speaking else (),
        until=_next_change(claims, ceilings, now),
    )


def _reasons(
    fleet: Fleet, book: ClaimBook, speaking: list[Claim], capping: list[Ceiling], *, capped: int
) -> tuple[str, ...]:
    said = [f"{c.owner} asks for {c.servers}: {c.reason}" for c in speaking]
    if book.trouble:
        said.append(f"not all claims are known: {book.trouble}")
    said += [f"ceiling of {c.owner} allows {c.servers}: {c.reason}" for c in capping]
    if not speaking:
        said.append("no claim holds now")
    if capped < fleet.min_servers:
        said.append(f"min_servers of the fleet is {fleet.min_servers}")
    if capped > fleet.max_servers:
        said.append(f"max_servers of the fleet is {fleet.max_servers}")
    return tuple(said)


def _next_change(claims: list[Claim], ceilings: list[Ceiling], now: Moment) -> Moment | None:
    edges = [edge for c in (*claims, *ceilings) for edge in (c.starts_at, c.ends_at)]
    return min((edge for edge in edges if edge > now), default=None)
