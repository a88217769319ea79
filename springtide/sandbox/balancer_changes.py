"""The changes that can be made to load balancers, listeners, pools and health monitors."""

from springtide.sandbox.balancer_resources import (
    Listener,
    LoadBalancer,
    Monitor,
    Pool,
    Provisioning,
    Top,
    vip_address,
)
from springtide.sandbox.balancers import RegionBalancers, found
from springtide.sandbox.lbaas import (
    ListenerSettings,
    LoadBalancerSettings,
    MonitorSettings,
    PoolSettings,
    changed,
    parsed,
)
from springtide.sandbox.protocol import Refused


def create_load_balancer(state: RegionBalancers, body: object) -> LoadBalancer:
    """A new load balancer on the region's VIP, unless the body names another address."""
    settings = parsed(LoadBalancerSettings, body)
    if not (settings.vip_subnet_id or settings.vip_network_id or settings.vip_port_id):
        wanted = "vip_port_id, vip_network_id, vip_subnet_id"
        raise Refused(400, f"Validation failure: VIP must contain one of: {wanted}.")
    state.check_subnet(settings.vip_subnet_id)
    settings = settings.model_copy(
        update={
            "vip_address": settings.vip_address or vip_address(state.region),
            "vip_port_id": settings.vip_port_id or state.world.new_id(),
        }
    )
    balancer = LoadBalancer(
        id=state.world.new_id(),
        settings=settings,
        created_at=state.world.clock.now(),
        region=state.region.name,
        busy_until=state.busy_until(),
    )
    state.load_balancers[balancer.id] = balancer
    return balancer


def create_listener(state: RegionBalancers, body: object) -> Listener:
    """A new listener of the load balancer that the body names."""
    settings = parsed(ListenerSettings, body)
    balancer = found(state.load_balancers, settings.loadbalancer_id, "Load Balancer")
    if settings.default_pool_id is not None:
        state.pool(settings.default_pool_id)
    port = settings.protocol_port
    taken = {x.settings.protocol_port for x in state.listeners_of(balancer)}
    if port in taken:
        text = f"Another Listener on this Load Balancer is already using protocol_port {port}"
        raise Refused(409, text)
    state.lock(balancer)
    listener = Listener(
        id=state.world.new_id(),
        settings=settings,
        created_at=state.world.clock.now(),
        balancer=balancer,
    )
    state.listeners[listener.id] = listener
    return listener


def create_pool(state: RegionBalancers, body: object) -> Pool:
    """A new pool, which becomes the default one of the listener that the body names."""
    settings = parsed(PoolSettings, body)
    listener = None
    if settings.listener_id is not None:
        listener = found(state.listeners, settings.listener_id, "Listener")
        balancer = listener.balancer
    elif settings.loadbalancer_id is not None:
        balancer = found(state.load_balancers, settings.loadbalancer_id, "Load Balancer")
    else:
        wanted = "loadbalancer_id, listener_id"
        raise Refused(400, f"Validation failure: Must provide at least one of: {wanted}")
    if listener is not None and listener.settings.default_pool_id is not None:
        raise Refused(409, "This listener already has a default pool")
    state.lock(balancer)
    pool = Pool(
        id=state.world.new_id(),
        settings=settings,
        created_at=state.world.clock.now(),
        balancer=balancer,
    )
    state.pools[pool.id] = pool
    if listener is not None:
        listener.settings = listener.settings.model_copy(update={"default_pool_id": pool.id})
    return pool


def create_monitor(state: RegionBalancers, body: object) -> Monitor:
    """A new health monitor of the pool that the body names."""
    settings = parsed(MonitorSettings, body)
    pool = state.pool(settings.pool_id)
    if pool.monitor is not None:
        raise Refused(409, "This pool already has a health monitor")
    state.lock(pool.balancer)
    monitor = Monitor(
        id=state.world.new_id(),
        settings=settings,
        created_at=state.world.clock.now(),
        pool=pool,
    )
    state.monitors[monitor.id] = pool.monitor = monitor
    return monitor


def update(state: RegionBalancers, resource: Top, body: object) -> None:
    """Change a load balancer, listener, pool or monitor."""
    settings = changed(resource.settings, body)
    if isinstance(settings, ListenerSettings) and settings.default_pool_id is not None:
        state.pool(settings.default_pool_id)
    state.lock(resource.balancer)
    resource.settings = settings
    resource.touch(state.world.clock.now())


def delete(state: RegionBalancers, resource: Top, *, cascade: bool) -> None:
    """Have a load balancer, listener, pool or monitor gone once its change has settled.

    Raises:
        Refused: 400, for a load balancer with listeners or pools, without `cascade`.
    """
    children: list[Listener | Pool] = []
    if isinstance(resource, LoadBalancer):
        children = [*state.listeners_of(resource), *state.pools_of(resource)]
        if children and not cascade:
            text = f"Cannot delete Load Balancer {resource.id} - it has children"
            raise Refused(400, f"Validation failure: {text}")
        if resource.provisioning is Provisioning.ERROR:
            # Octavia lets a failed one be deleted, and nothing else.
            resource.provisioning = Provisioning.ACTIVE
    state.lock(resource.balancer)
    for gone in (resource, *children):
        gone.provisioning = Provisioning.PENDING_DELETE
