"""A program: what one writes with openstacksdk, ten threads and its own waiting.

`python sdk_threads.py open|close <servers>`; the rest is in the environment.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openstack

_THREADS = 10
_POLL_S = 0.5
"""The SDK's own two seconds would be three quarters of a member's time."""
_PATIENCE_S = 3600


def open_fleet(cloud: Any, servers: int) -> None:  # noqa: ANN401 - the SDK has no types
    """Return when that many servers are ACTIVE and in the pool."""

    def create(number: int) -> Any:  # noqa: ANN401 - as above
        return cloud.create_server(
            name=f"{_told('PREFIX')}-{number}",
            image=_told("IMAGE"),
            flavor=_told("FLAVOUR"),
            network=_told("NETWORK"),
            security_groups=[_told("SECURITY_GROUP")],
            key_name=_told("KEY_PAIR"),
            auto_ip=False,
            wait=True,
            timeout=_PATIENCE_S,
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        created = list(pool.map(create, range(1, servers + 1)))
    balancer = cloud.load_balancer
    pool_id, balancer_id = _pool(cloud)
    subnet = cloud.network.find_subnet(_told("SUBNET"), ignore_missing=False)
    for server in created:
        balancer.create_member(
            pool_id,
            name=server.name,
            address=server.addresses[_told("NETWORK")][0]["addr"],
            protocol_port=int(_told("PORT")),
            subnet_id=subnet.id,
        )
        balancer.wait_for_load_balancer(balancer_id, interval=_POLL_S)


def close_fleet(cloud: Any) -> None:  # noqa: ANN401 - as above
    """Return when no member and no server is left."""
    balancer = cloud.load_balancer
    pool_id, balancer_id = _pool(cloud)
    for member in list(balancer.members(pool_id)):
        balancer.delete_member(member, pool_id)
        balancer.wait_for_load_balancer(balancer_id, interval=_POLL_S)
    found = [
        server.id for server in cloud.compute.servers(details=False, name=f"^{_told('PREFIX')}")
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda each: cloud.delete_server(each, wait=True), found))


def _pool(cloud: Any) -> tuple[str, str]:  # noqa: ANN401 - as above
    pool = cloud.load_balancer.find_pool(_told("POOL"), ignore_missing=False)
    return pool.id, pool.loadbalancers[0]["id"]


def _told(name: str) -> str:
    return os.environ[f"PEER_{name}"]


if __name__ == "__main__":
    access = openstack.connect()
    if sys.argv[1] == "open":
        open_fleet(access, int(sys.argv[2]))
    else:
        close_fleet(access)
