"""What a surge may cost, before it begins.

As an operator reads it: every server of the surge is counted, from its acceptance to the latest
delete that the fleet's time-outs allow, in clock hours as the provider bills them, whichever minute
it begins at. So the bill is at most this; servers that the window would have had anyway are in it.

Example: 300 servers at 0.51 for 3 hours, leaving 60 at a time with 7 minutes each: 3 h 35 may touch
5 clock hours: 300 x 5 x 0.51 = 765.00, and 153.00 an hour.
"""

from decimal import Decimal
from math import ceil

from springtide.model.fleet import Fleet
from springtide.model.surge import SurgeCost

_HOUR_S = 3600


def surge_cost(fleet: Fleet, *, servers: int, hours: float) -> SurgeCost | None:
    """The most that such a surge costs, excluding VAT; None where the fleet names no price."""
    if fleet.price_per_hour is None:
        return None
    at_once = fleet.surge.step_down_servers if fleet.surge else servers
    leaving_s = ceil(servers / at_once) * fleet.timeouts.leaving_s
    # An interval that is no whole hours long begins anywhere: it touches one more than it fills.
    paid_hours = ceil(hours + leaving_s / _HOUR_S) + 1
    per_hour = servers * fleet.price_per_hour
    return SurgeCost(
        per_hour=per_hour,
        paid_hours=paid_hours,
        total=Decimal(paid_hours) * per_hour,
        currency=fleet.currency,
    )
