"""Short years to test with: a fleet of thirty servers in three regions, watched."""

from datetime import date
from decimal import Decimal

from springtide.model.fleet import Fleet, FleetRegion
from springtide.model.surge import SurgePolicy
from springtide.model.traffic import TrafficPolicy
from springtide.simulation.school_year import YearSettings
from tests.planning.windows import CALENDAR, a_window

MONDAY = date(2026, 11, 16)
SUNDAY = date(2026, 11, 22)


def a_year_fleet(**changes: object) -> Fleet:
    """The customer's fleet: three regions, of which the first takes half."""
    regions = (("GRA11", 2), ("SBG5", 1), ("RBX1", 1))
    base: dict[str, object] = {
        "name": "api",
        "image": "api-*",
        "flavour": "b2-60",
        "max_servers": 300,
        "price_per_hour": Decimal("0.51"),
        "timeouts": {"drain_s": 120, "delete_s": 300},
        "regions": tuple(
            FleetRegion(name=name, network="vrack", pool="api", weight=weight)
            for name, weight in regions
        ),
        "surge": SurgePolicy(max_servers=300, max_hours=12, budget=2500, monthly_budget=10_000),
        "traffic": TrafficPolicy(sessions_per_server=300, sessions_elsewhere=6000),
    }
    return Fleet.model_validate(base | changes)


def a_year(**changes: object) -> YearSettings:
    """A week of term, without lockdown and mishaps."""
    base: dict[str, object] = {
        "fleet": a_year_fleet(),
        "window": a_window(),
        "calendar": CALENDAR,
        "first": MONDAY,
        "last": SUNDAY,
        "seed": 1,
    }
    return YearSettings(**(base | changes))  # type: ignore[arg-type]  # a builder's fields
