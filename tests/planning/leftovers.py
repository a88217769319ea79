"""Builders for the tests of sweeps: marked things of every kind, and what is decided of them."""

from datetime import timedelta

from springtide.model.claim import ClaimBook
from springtide.model.estate import Estate
from springtide.model.leftover import (
    LeftoverKind,
    MarkedThing,
    RegionInventory,
    SweepPlan,
    SweepVerdict,
)
from springtide.planning.leftover_sweep import SweepInput, plan_leftover_sweep
from tests.estates import an_estate as estate_document
from tests.planning.fleet_world import START

HOUR = timedelta(hours=1)
LONG_AGO = START - 10 * HOUR


def an_estate(**sweep: object) -> Estate:
    """The fleet `api` in GRA11 and SBG5, with that policy for sweeps."""
    return Estate.model_validate(estate_document() | {"sweep": sweep})


def a_thing(kind: LeftoverKind, /, **changes: object) -> MarkedThing:
    """An old thing of a fleet that the estate has not, seen an hour ago; changed as asked."""
    base: dict[str, object] = {
        "kind": kind,
        "id": f"{kind.value}-1".replace(" ", "-"),
        "region": "GRA11",
        "fleet": "web",
        "created_at": LONG_AGO,
        "sighted_at": START - HOUR,
    }
    if kind in (LeftoverKind.PORT, LeftoverKind.MEMBER):
        base |= {"owner_id": "gone-1", "owner_stands": False}
    return MarkedThing.model_validate(base | changes)


def a_server(**changes: object) -> MarkedThing:
    """A server of a fleet that the estate has not."""
    return a_thing(LeftoverKind.SERVER, **changes)


def a_port(**changes: object) -> MarkedThing:
    """A port whose server is gone."""
    return a_thing(LeftoverKind.PORT, **changes)


def a_member(**changes: object) -> MarkedThing:
    """A member whose server is gone."""
    return a_thing(LeftoverKind.MEMBER, **changes)


def a_group(**changes: object) -> MarkedThing:
    """An empty server group."""
    return a_thing(LeftoverKind.GROUP, **changes)


def swept(
    *things: MarkedThing, book: ClaimBook | None = None, estate: Estate | None = None
) -> SweepPlan:
    """The plan of a sweep at START that sees these."""
    regions = sorted({thing.region for thing in things})
    seen = tuple(
        RegionInventory(region=r, things=tuple(t for t in things if t.region == r)) for r in regions
    )
    given = SweepInput(estate=estate or an_estate(), book=book or ClaimBook(), now=START)
    return plan_leftover_sweep(seen, given)


def verdicts(plan: SweepPlan) -> dict[str, SweepVerdict]:
    """What is decided, by the thing's id."""
    return {finding.thing.id: finding.verdict for finding in plan.findings}
