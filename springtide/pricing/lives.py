"""The paid lives of a fleet's servers, gathered from looks at the cloud while a run lasts."""

from springtide.model.base import Moment
from springtide.model.fleet import Fleet
from springtide.model.snapshot import FleetSnapshot
from springtide.model.usage import UsageKind, UsageRecord, UsageSource


class Lives:
    """When each server that was seen became ACTIVE, and when it was first seen to be gone.

    The end is the time of the look that no longer showed the server, hence late by at most one
    poll; a server that is shown again never ended. Where a region could not be read, or its listing
    left somebody out, nobody's life ends there; those in the other regions do.
    """

    def __init__(self) -> None:
        """Nobody was seen yet."""
        self._began: dict[str, tuple[str, str, Moment | None]] = {}
        self._ended: dict[str, Moment] = {}

    def see(self, snapshot: FleetSnapshot) -> None:
        """Take note of one look."""
        present = {
            server.id: (server.name, server.region, server.launched_at)
            for region in snapshot.regions
            for server in region.servers
        }
        self._began |= present
        for server_id in present:
            self._ended.pop(server_id, None)
        readable = {region.region for region in snapshot.regions if region.trouble is None}
        for server_id in self._began.keys() - self._ended.keys() - present.keys():
            _, region, _ = self._began[server_id]
            if region in readable:
                self._ended[server_id] = snapshot.at

    def gone(self) -> tuple[str, ...]:
        """Ids of the servers that were seen and are gone."""
        return tuple(sorted(self._ended))

    def records(self, fleet: Fleet, until: Moment) -> tuple[UsageRecord, ...]:
        """The lives of all servers that became ACTIVE before `until`, in order of their ids.

        Servers that still stand are counted up to `until`.
        """
        return tuple(
            UsageRecord(
                resource=server_id,
                name=name,
                kind=UsageKind.INSTANCE,
                sku=fleet.flavour,
                region=region,
                fleet=fleet.name,
                source=UsageSource.OUTCOME,
                start=began,
                end=max(began, self._ended.get(server_id, until)),
            )
            for server_id, (name, region, began) in sorted(self._began.items())
            if began is not None and began < until
        )
