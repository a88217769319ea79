"""The paid lives of a fleet's servers, gathered from looks at the cloud while a run lasts."""

from collections.abc import Iterator
from decimal import Decimal

from springtide.model.base import Moment
from springtide.model.fleet import Fleet
from springtide.model.snapshot import FleetSnapshot
from springtide.pricing.paid_hours import clock_hours_touched


class Lives:
    """When each server that was seen became ACTIVE, and when it was first seen to be gone.

    The end is the time of the look that no longer showed the server, hence late by at most one
    poll. A region that could not be read ends nobody's life.
    """

    def __init__(self) -> None:
        """Nobody was seen yet."""
        self._seen: set[str] = set()
        self._began: dict[str, Moment] = {}
        self._ended: dict[str, Moment] = {}

    def see(self, snapshot: FleetSnapshot) -> None:
        """Take note of one look."""
        present: set[str] = set()
        for region in snapshot.regions:
            for server in region.servers:
                present.add(server.id)
                if server.launched_at is not None:
                    self._began[server.id] = server.launched_at
        if any(region.trouble for region in snapshot.regions):
            return
        self._seen |= present
        for server_id in self._seen - self._ended.keys() - present:
            self._ended[server_id] = snapshot.at

    def gone(self) -> tuple[str, ...]:
        """Ids of the servers that were seen and are gone."""
        return tuple(sorted(self._ended))

    def paid_hours(self, until: Moment) -> tuple[int, ...]:
        """Clock hours touched by each server's life, in order of its id; 0 never occurs.

        Servers that still stand are counted up to `until`.
        """
        return tuple(
            clock_hours_touched(began, self._ended.get(server_id, until))
            for server_id, began in self._lives(until)
        )

    def _lives(self, until: Moment) -> Iterator[tuple[str, Moment]]:
        return ((i, began) for i, began in sorted(self._began.items()) if began < until)


def cost_of(hours: int, fleet: Fleet) -> Decimal | None:
    """What so many server hours cost without VAT, in the fleet's currency; None without a price."""
    return None if fleet.price_per_hour is None else hours * fleet.price_per_hour
