"""What a person says over a fleet: freeze it, limit it, hold a server, or lift what was said."""

from datetime import timedelta

from prefect import flow
from prefect.runtime import flow_run

from springtide.errors import GuardRefused
from springtide.estate import estate_path
from springtide.model.claim import EVERY_FLEET, Ceiling, Freeze
from springtide.model.surge import LONGEST_HOURS
from springtide.planning.claim_book import PREFIX
from springtide.planning.claim_changes import (
    Longer,
    claim_named,
    entry_rows,
    extension,
    keeping_limitation,
)
from springtide.planning.holding import holder, server_named
from springtide.pricing.surge_cost import surge_cost
from tasks.claims import clear_entry, read_claims, store_entry
from tasks.cloud import present_of, read_estate
from tasks.screens import show_entries
from tasks.servers import end_hold, put_hold
from tasks.watch import open_watch


@flow(name="freeze-fleet", flow_run_name="freeze {fleet}: {reason}")
async def freeze_fleet(fleet: str, hours: float, owner: str, reason: str) -> str:
    """Freeze a fleet (`*`: all): everything observes, plans and tells, and nothing changes.

    Images are not meant: `distribute_image` goes on.

    Args:
        fleet: Name of the fleet in the estate file, or `*`.
        hours: For how long, above 0 and at most 744; a freeze ends by itself.
        owner: Who says so.
        reason: Why.
    """
    estate = read_estate(estate_path())
    if fleet != EVERY_FLEET:
        estate.fleet(fleet)
    now = present_of(estate)
    slug = "all" if fleet == EVERY_FLEET else fleet
    return await store_entry(
        Freeze(
            key=f"freeze-{slug}-{flow_run.id[:8]}",
            fleet=fleet,
            starts_at=now,
            ends_at=now + timedelta(hours=_bounded(hours)),
            owner=owner,
            reason=reason,
        )
    )


@flow(name="limit-fleet", flow_run_name="limit {fleet} to {servers}: {reason}")
async def limit_fleet(fleet: str, *, servers: int, hours: float, owner: str, reason: str) -> str:
    """Set a ceiling: the fleet has at most so many servers, whatever its claims ask for.

    Args:
        fleet: Name of the fleet in the estate file.
        servers: The most it may have; 0 is "not tonight".
        hours: For how long, above 0 and at most 744; a ceiling ends by itself.
        owner: Who says so.
        reason: Why.
    """
    estate = read_estate(estate_path())
    now = present_of(estate)
    return await store_entry(
        Ceiling(
            key=f"ceiling-{fleet}-{flow_run.id[:8]}",
            fleet=estate.fleet(fleet).name,
            servers=servers,
            starts_at=now,
            ends_at=now + timedelta(hours=_bounded(hours)),
            owner=owner,
            reason=reason,
        )
    )


@flow(name="lift-entry", flow_run_name="lift {name}: {reason}")
async def lift_entry(name: str, owner: str, reason: str) -> None:
    """Lift a freeze, a ceiling, an order or a surge before its end.

    Args:
        name: Its stored name, as `freeze_fleet` and `limit_fleet` return it.
        owner: Who says so.
        reason: Why.

    Raises:
        GuardRefused: nothing of that name is stored.
    """
    if not name.startswith(PREFIX):
        raise GuardRefused(f"{name!r} is none of ours: stored names begin with {PREFIX}")
    if not owner or not reason:
        raise GuardRefused("owner and reason say who lifts it, and why")
    if not await clear_entry(name):
        raise GuardRefused(f"nothing of the name {name!r} is stored")


@flow(name="extend-claim", flow_run_name="extend {name} by {hours} h: {reason}")
async def extend_claim(name: str, *, hours: float, owner: str, reason: str) -> str:
    """Have an order or a surge last longer, by a claim that takes over; the old one stays as it is.

    A surge is longer only within what the estate authorises without asking anybody, in size, hours
    and cost from its beginning, an order within those hours; ask for a surge beyond. An order of a
    fleet without surges ends while the fleet is kept: within an hour after the window's end.

    Args:
        name: The stored name of the claim.
        hours: By how much longer, above 0 and at most 744.
        owner: Who says so.
        reason: Why.

    Raises:
        GuardRefused: there is no such claim, it would go beyond what is authorised, or nothing
            would take the servers down at its end.
    """
    estate = read_estate(estate_path())
    now = present_of(estate)
    book, _ = await read_claims(now)
    old = claim_named(name, book)
    fleet = estate.fleet(old.fleet)
    wish = Longer(ident=flow_run.id, hours=_bounded(hours), owner=owner, reason=reason, at=now)
    why_not = keeping_limitation(old, wish, fleet, estate.windows_of(fleet.name))
    if why_not is not None:
        raise GuardRefused(why_not)
    claim, spending = extension(
        old,
        wish,
        fleet,
        price=lambda lasts_h: surge_cost(fleet, servers=old.servers, hours=lasts_h),
        book=book,
    )
    if spending is not None:
        await store_entry(spending)
    return await store_entry(claim)


@flow(name="hold-server", flow_run_name="hold {server}: {reason}")
async def hold_server(fleet: str, *, server: str, hours: float, owner: str, reason: str) -> str:
    """Hold one server: for some hours it is neither healed nor removed, whatever happens to it.

    Args:
        fleet: Name of the fleet in the estate file.
        server: Name or id of the server.
        hours: For how long from now, above 0 and at most 744; a hold ends by itself.
        owner: Who says so.
        reason: Why.

    Raises:
        GuardRefused: the fleet has no such server.
    """
    watch = await open_watch(estate_path(), fleet)
    who, until = holder(owner, reason), watch.now() + timedelta(hours=_bounded(hours))
    found = server_named(server, (await watch.look()).snapshot)
    return await put_hold(found, until, who, watch.order())


@flow(name="release-server", flow_run_name="release {server}: {reason}")
async def release_server(fleet: str, *, server: str, owner: str, reason: str) -> str:
    """End the hold of a server before its time.

    Args:
        fleet: Name of the fleet in the estate file.
        server: Name or id of the server.
        owner: Who says so.
        reason: Why.

    Raises:
        GuardRefused: the fleet has no such server.
    """
    watch = await open_watch(estate_path(), fleet)
    who = holder(owner, reason)
    found = server_named(server, (await watch.look()).snapshot)
    return await end_hold(found, who, watch.order())


@flow(name="list-entries", flow_run_name="list what is stored")
async def list_entries() -> list[str]:
    """Show every claim, ceiling, freeze and rollout that is stored, and return their names."""
    book, _ = await read_claims(present_of(read_estate(estate_path())))
    rows = entry_rows(book)
    await show_entries(rows, book.trouble or f"{len(rows)} entries are stored")
    return [str(row["name"]) for row in rows]


def _bounded(hours: float) -> float:
    if not 0 < hours <= LONGEST_HOURS:
        raise GuardRefused(f"hours {hours:g} is outside: above 0, at most {LONGEST_HOURS}")
    return hours
