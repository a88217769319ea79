"""What the project is granted of each resource, and what anybody uses of it, by each service.

For launches, joins and readiness alike, so that they never disagree about one region.
"""

from typing import NamedTuple

from springtide.clouds.openstack.service import Body, Service
from springtide.model.readiness import Quota

_PAGE = 500
_UNLIMITED = -1
"""How OpenStack writes "without limit"."""


class ComputeQuotas(NamedTuple):
    """Nova's; None: it does not tell that one."""

    instances: Quota | None
    cores: Quota | None
    ram_mib: Quota | None


def read_limits(compute: Service) -> Body:
    """Nova's limits and what is used of them, under its own names."""
    found: Body = compute.get("/limits")["limits"]["absolute"]
    return found


def compute_quotas(limits: Body) -> ComputeQuotas:
    """The quotas that these limits tell."""
    return ComputeQuotas(
        instances=_told(limits, "maxTotalInstances", "totalInstancesUsed"),
        cores=_told(limits, "maxTotalCores", "totalCoresUsed"),
        ram_mib=_told(limits, "maxTotalRAMSize", "totalRAMUsed"),
    )


def port_quota(network: Service) -> Quota:
    """Neutron's ports; those that it has reserved for a request in progress are used.

    Raises:
        KeyError: its answer has no such quota.
    """
    found = network.get(f"/quotas/{network.project_id}/details.json")["quota"]["port"]
    return _quota(found["limit"], found["used"] + int(found.get("reserved", 0)))


def member_quota(balancer: Service) -> Quota:
    """Granted members, and those of all the project's pools: Octavia tells no usage.

    Raises:
        KeyError: its answer has no such quota.
    """
    limit = balancer.get(f"/lbaas/quotas/{balancer.project_id}")["quota"]["member"]
    pools = balancer.pages("/lbaas/pools", "pools", limit=_PAGE)
    return _quota(limit, sum(len(pool.get("members", ())) for pool in pools))


def _told(limits: Body, most: str, used: str) -> Quota | None:
    return _quota(limits[most], limits.get(used, 0)) if most in limits else None


def _quota(limit: int, used: int) -> Quota:
    return Quota(limit=None if limit <= _UNLIMITED else limit, used=max(0, used))
