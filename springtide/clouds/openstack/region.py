"""One region's cloud, as the flows use it: everything there by fleets, waves and members."""

from collections.abc import Collection, Sequence
from datetime import datetime

from springtide.clouds.openstack import (
    catalogue,
    ports,
    server_groups,
    server_marks,
    servers,
    standing,
    usage,
)
from springtide.clouds.openstack.catalogue import LaunchRoom, LaunchSetup, PoolSetup
from springtide.clouds.openstack.images import ImageStore
from springtide.clouds.openstack.inspection import inspect_region
from springtide.clouds.openstack.leftovers import LeftoverStore
from springtide.clouds.openstack.pools import Pool, members_left
from springtide.clouds.openstack.servers import DeleteReceipt, LaunchReceipt
from springtide.clouds.openstack.service import Service
from springtide.clouds.openstack.statistics import read_statistics
from springtide.errors import NotFound
from springtide.model.bill import InventoryItem
from springtide.model.fleet import Fleet
from springtide.model.plan import Drain, Join, Launch, Leave
from springtide.model.readiness import RegionReport
from springtide.model.server import Member, Server
from springtide.model.snapshot import Image
from springtide.model.traffic import BalancerStatistics
from springtide.model.usage import CounterReading, UsageKind, UsageRecord

VOLUME = "volume"
"""The service that a region may lack."""


class RegionCloud:
    """Nova, Glance, Neutron and Octavia of one region; names are looked up once."""

    def __init__(self, name: str, services: dict[str, Service]) -> None:
        """`services` by type: compute, image, network, load-balancer; volume where there is one."""
        self.name = name
        self.images = ImageStore(name, services["image"])
        self.leftovers = LeftoverStore(name, services)
        self._services = services
        self._compute = services["compute"]
        self._image = services["image"]
        self._network = services["network"]
        self._balancer = services["load-balancer"]
        self._pools: dict[str, PoolSetup] = {}
        self._launches: dict[str, LaunchSetup] = {}

    def inspect(self, fleet: Fleet) -> RegionReport:
        """All that readiness looks at here, read anew; what cannot be read is told, not raised."""
        return inspect_region(self._services, fleet, self.name)

    def resolve_pool(self, fleet: Fleet) -> PoolSetup:
        """The fleet's pool here: all that observing and taking down need.

        Raises:
            Misconfigured: there is no such pool or subnet.
        """
        if fleet.name not in self._pools:
            wanted = fleet.region(self.name)
            self._pools[fleet.name] = catalogue.find_pool(self._balancer, self._network, wanted)
        return self._pools[fleet.name]

    def resolve_launch(self, fleet: Fleet) -> LaunchSetup:
        """Flavour and network of the fleet here: what a launch needs beside the image.

        Raises:
            Misconfigured: one of them does not exist; the message names the field.
        """
        if fleet.name not in self._launches:
            self._launches[fleet.name] = catalogue.find_launchables(
                self._compute, self._network, fleet, fleet.region(self.name)
            )
        return self._launches[fleet.name]

    def matching_images(self, pattern: str) -> tuple[Image, ...]:
        """The active images whose name matches, newest first."""
        return catalogue.matching_images(self._image, pattern)

    def room(self, fleet: Fleet) -> LaunchRoom:
        """For how many more servers of the fleet there is room; unknown limits are left out."""
        return catalogue.read_room(self._compute, self._network, self.resolve_launch(fleet))

    def members_left(self) -> int | None:
        """How many more members the balancers here take; None: without limit, or not told.

        Raises:
            Retryable: Octavia does not answer.
        """
        return members_left(self._balancer)

    def list_servers(self, fleet_name: str) -> tuple[Server, ...]:
        """The fleet's servers here, known by its tag, in one paginated listing."""
        return servers.list_servers(self._compute, self.name, fleet_name)

    def left_out(self, fleet_name: str, ids: Sequence[str]) -> str | None:
        """The first of those servers that the listing should show; None: it lacks none of them.

        Each is asked for by its id.

        Raises:
            Retryable: Nova does not say.
        """
        return servers.left_out(self._compute, fleet_name, ids)

    def launch(self, fleet: Fleet, launch: Launch, user_data: str | None) -> LaunchReceipt:
        """Make a wave by one call.

        Raises:
            CapacityExhausted: the quota has no room.
            ReplyLost: no reply came and the wave's tag is not found either: never sent twice.
        """
        setup = self.resolve_launch(fleet)
        return servers.launch(self._compute, fleet, setup, launch, user_data=user_data)

    def delete_servers(self, ids: Sequence[str], reason: str) -> DeleteReceipt:
        """Ask for the deletion of servers; those that are gone already are a success."""
        return servers.delete_servers(self._compute, ids, reason)

    def write_checks(self, ids: Sequence[str], failed: int, at: datetime) -> int:
        """Write on servers that so many checks have failed in a row; how many there were.

        Raises:
            SpringtideError: the first refusal, when all were tried.
        """
        return server_marks.write_checks(self._compute, ids, failed, at)

    def reboot_servers(self, ids: Sequence[str], reason: str, at: datetime) -> int:
        """Reboot servers from outside, written on them before; how many there were.

        Raises:
            SpringtideError: the first refusal, when all were tried.
        """
        return server_marks.reboot_servers(self._compute, ids, reason, at)

    def hold_server(self, server_id: str, *, until: datetime, who: str) -> None:
        """Have a person's hold keep healing and scale-in away from the server until then.

        Raises:
            NotFound: it is gone.
        """
        server_marks.hold_server(self._compute, server_id, until=until, who=who)

    def release_server(self, server_id: str, *, who: str) -> None:
        """End every hold of the server.

        Raises:
            NotFound: it is gone.
        """
        server_marks.release_server(self._compute, server_id, who=who)

    def list_members(self, fleet: Fleet) -> tuple[Member, ...]:
        """All members of the fleet's pool, other people's too."""
        return self._pool(fleet).list_members()

    def join(self, fleet: Fleet, order: Join) -> None:
        """Give members weight 1 by one additive call.

        Raises:
            CapacityExhausted: the quota has no place for all of them; none has joined.
            BalancerBusy: the balancer takes no change now.
        """
        self._pool(fleet).join(order)

    def drain(self, fleet: Fleet, order: Drain, at: datetime) -> None:
        """Give members weight 0 by one additive call, and write on them since when.

        Raises:
            BalancerBusy: the balancer takes no change now.
        """
        self._pool(fleet).drain(order, at)

    def leave(self, fleet: Fleet, order: Leave) -> None:
        """Take members out: by one full call where the pool is ours alone, else one by one.

        Raises:
            BalancerBusy: the balancer takes no change now; some may have left.
        """
        self._pool(fleet).leave(order)

    def balancer_statistics(self, fleet: Fleet) -> BalancerStatistics:
        """What the fleet's balancer here has passed, other people's traffic behind it too.

        Raises:
            Retryable: it does not tell, or what it tells makes no sense.
        """
        return read_statistics(self._balancer, self.resolve_pool(fleet).balancer_id)

    def servers_usage(
        self, begins_at: datetime, ends_at: datetime, *, fleets: Collection[str]
    ) -> tuple[UsageRecord, ...]:
        """Every server of the project that stood here in that time, those that are gone included.

        Raises:
            Retryable: the listing changed while it was read.
        """
        return usage.read_servers_usage(self._compute, self.name, begins_at, ends_at, fleets=fleets)

    def balancers_usage(self, at: datetime, fleets: Sequence[Fleet]) -> tuple[UsageRecord, ...]:
        """Every load balancer that stands here, from its creation until that moment."""
        owners = self._balancer_owners(fleets)
        return usage.read_balancers_usage(self._balancer, self.name, at, owners=owners)

    def volumes_usage(self, at: datetime) -> tuple[UsageRecord, ...]:
        """Every volume that stands here, from its creation until that moment.

        Raises:
            Misconfigured: the credential may not list them.
        """
        volume = self._services.get(VOLUME)
        return () if volume is None else usage.read_volumes_usage(volume, self.name, at)

    def standing(self, fleets: Sequence[Fleet]) -> tuple[InventoryItem, ...]:
        """Servers and load balancers that stand here now, whoever made them.

        Raises:
            Retryable: a listing changed while it was read.
        """
        owners = self._balancer_owners(fleets)
        return standing.read_standing(self._compute, self._balancer, self.name, owners=owners)

    def standing_volumes(self) -> tuple[InventoryItem, ...]:
        """Volumes that stand here now, whoever made them.

        Raises:
            NotFound: no volume service is in the catalogue of this region.
            Misconfigured: the credential may not list them.
        """
        volume = self._services.get(VOLUME)
        if volume is None:
            raise NotFound(f"no volume service is in the catalogue of {self.name}")
        return standing.read_volumes(volume, self.name)

    def balancer_counters(self, fleet: Fleet, at: datetime) -> tuple[CounterReading, ...]:
        """How far the counters of the fleet's balancer here have come.

        Raises:
            Retryable: it does not tell, or what it tells makes no sense.
        """
        told = self.balancer_statistics(fleet)
        counts = {
            UsageKind.CONNECTIONS: told.total_connections,
            UsageKind.REQUEST_ERRORS: told.request_errors,
        }
        return tuple(
            CounterReading(
                resource=self.resolve_pool(fleet).balancer_id,
                kind=kind,
                region=self.name,
                fleet=fleet.name,
                at=at,
                total=total,
            )
            for kind, total in counts.items()
        )

    def stray_ports(self, fleet: Fleet, gone_ids: Collection[str]) -> tuple[str, ...]:
        """Ids of ports on the fleet's network that belong to servers taken for gone, that are."""
        return ports.stray_ports(
            self._network,
            fleet.region(self.name).network,
            gone_ids=gone_ids,
            stands=self.leftovers.owner_stands,
        )

    def delete_ports(self, ids: Sequence[str]) -> None:
        """Delete ports; those that are gone already are a success."""
        ports.delete_ports(self._network, ids)

    def stray_groups(self, fleet: Fleet, now: datetime) -> tuple[str, ...]:
        """Ids of the fleet's server groups that are empty and will stay so."""
        return server_groups.stray_groups(self._compute, fleet.name, now)

    def delete_groups(self, ids: Sequence[str]) -> None:
        """Delete server groups; those that are gone already are a success."""
        server_groups.delete_groups(self._compute, ids)

    def _pool(self, fleet: Fleet) -> Pool:
        return Pool(self._balancer, self.resolve_pool(fleet), fleet, fleet.region(self.name))

    def _balancer_owners(self, fleets: Sequence[Fleet]) -> dict[str, str]:
        return {self.resolve_pool(fleet).balancer_id: fleet.name for fleet in fleets}
