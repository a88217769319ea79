"""What the test bed's project finds: image, flavours, networks, balancers, quotas."""

import io

from openstack.connection import Connection

from tests.real.openstack.catalogue import connect
from tests.real.openstack.layout import PROJECT, SERVER_PORT, Layout, Region

IMAGE = "api-iis-2026"
NETWORK, SUBNET = "vrack", "vrack-api"
SECURITY_GROUP, KEY_PAIR = "api", "springtide"
FLAVOURS = {"win-b2-60": (16, 61440, 20), "too-large": (4000, 61440, 20)}
"""vCPU, MiB of RAM, GB of disk. No host has room for `too-large`."""
INSTANCES = 320
"""Above a surge of 300, and near enough to be met."""
_BALANCER_S = 60
_CORES = 16 * INSTANCES


def seed(layout: Layout) -> None:
    """Make it in every region; what is there already stays."""
    for region in layout.regions:
        admin = connect(layout, "admin", region.name)
        member = connect(layout, PROJECT, region.name)
        _flavours(admin)
        _image(admin)
        _network(admin, region)
        _quota(admin, member)
        _access(member)
        _balancer(member, region)


def _flavours(admin: Connection) -> None:
    known = {flavour.name for flavour in admin.compute.flavors()}
    for name, (vcpus, ram, disk) in FLAVOURS.items():
        if name not in known:
            admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)


def _image(admin: Connection) -> None:
    if not admin.image.find_image(IMAGE):
        admin.image.create_image(
            name=IMAGE,
            data=io.BytesIO(b"an image that no hypervisor reads" * 32),
            disk_format="raw",
            container_format="bare",
            visibility="public",
        )


def _network(admin: Connection, region: Region) -> None:
    if not admin.network.find_network(NETWORK):
        network = admin.network.create_network(name=NETWORK, shared=True)
        # Neutron takes addresses of the loopback range where it need not serve DHCP.
        admin.network.create_subnet(
            name=SUBNET,
            network_id=network.id,
            ip_version=4,
            cidr=str(region.cidr),
            enable_dhcp=False,
        )


def _quota(admin: Connection, member: Connection) -> None:
    admin.compute.update_quota_set(member.current_project_id, instances=INSTANCES, cores=_CORES)


def _access(member: Connection) -> None:
    if not member.network.find_security_group(SECURITY_GROUP):
        group = member.network.create_security_group(name=SECURITY_GROUP)
        member.network.create_security_group_rule(
            security_group_id=group.id,
            direction="ingress",
            protocol="tcp",
            port_range_min=SERVER_PORT,
            port_range_max=SERVER_PORT,
        )
    if not member.compute.find_keypair(KEY_PAIR):
        member.compute.create_keypair(name=KEY_PAIR)


def _balancer(member: Connection, region: Region) -> None:
    balancers = member.load_balancer
    if balancers.find_pool(region.pool):
        return
    subnet = member.network.find_subnet(SUBNET, ignore_missing=False)
    balancer = balancers.create_load_balancer(name=region.pool, vip_subnet_id=subnet.id)

    def settled() -> None:
        balancers.wait_for_load_balancer(balancer.id, interval=0.5, wait=_BALANCER_S)

    settled()
    listener = balancers.create_listener(
        name=region.pool, load_balancer_id=balancer.id, protocol="HTTP", protocol_port=80
    )
    settled()
    pool = balancers.create_pool(
        name=region.pool, listener_id=listener.id, protocol="HTTP", lb_algorithm="LEAST_CONNECTIONS"
    )
    settled()
    balancers.create_health_monitor(
        name=region.pool,
        pool_id=pool.id,
        type="HTTP",
        url_path="/health",
        delay=5,
        timeout=2,
        max_retries=2,
    )
    settled()
