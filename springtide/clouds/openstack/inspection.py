"""All that one region says of what a fleet needs, for the readiness check; nothing is changed.

Each check stands alone: what cannot be read is told as a trouble of that check. A service that does
not answer is not asked again, so that a region that is down costs one patience and not ten.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from springtide.clouds.openstack import catalogue, quotas
from springtide.clouds.openstack.servers import list_servers
from springtide.clouds.openstack.service import Body, Service
from springtide.errors import Retryable, SpringtideError
from springtide.model.fleet import Fleet
from springtide.model.readiness import (
    AddressRange,
    Balancer,
    Check,
    FlavourSize,
    Quota,
    RegionReport,
    ServiceClock,
    Subnet,
    Trouble,
)
from springtide.model.snapshot import Image

_PAGE = 500
_IPV4 = 4

Found = TypeVar("Found")


def inspect_region(services: dict[str, Service], fleet: Fleet, region: str) -> RegionReport:
    """The region's report; `services` by type: compute, image, network, load-balancer."""
    return _Inspection(services, fleet, region).report()


class _Inspection:
    """One look at one region."""

    def __init__(self, services: dict[str, Service], fleet: Fleet, region: str) -> None:
        self._services = services
        self._compute = services["compute"]
        self._network = services["network"]
        self._balancer = services["load-balancer"]
        self._fleet = fleet
        self._wanted = fleet.region(region)
        self._silent: set[str] = set()
        self._troubles: list[Trouble] = []
        self._passed: set[Check] = set()

    def report(self) -> RegionReport:
        """What each service says, one after the other."""
        found: dict[str, object] = {
            "image": self._read(Check.IMAGE, "image", self._image),
            **self._of_compute(),
            **self._of_network(),
            **self._of_balancer(),
        }
        return RegionReport.model_validate(
            {
                "region": self._wanted.name,
                **found,
                "clocks": self._clocks(),
                "troubles": tuple(self._troubles),
                "passed": frozenset(self._passed),
            }
        )

    def _read(self, check: Check, service: str, read: Callable[[], Found]) -> Found | None:
        """What is read; None where that fails, with the trouble kept."""
        if service in self._silent:
            return None
        try:
            found = read()
        except Retryable as error:
            self._silent.add(service)
            self._troubles.append(Trouble(check=Check.ANSWER, detail=str(error)))
            return None
        except (SpringtideError, KeyError) as error:
            said = str(error) if isinstance(error, SpringtideError) else f"no {error} in the answer"
            self._troubles.append(Trouble(check=check, detail=said))
            return None
        self._passed.add(check)
        return found

    def _clocks(self) -> tuple[ServiceClock, ...]:
        told = ((kind, service.clock_offset_s) for kind, service in self._services.items())
        return tuple(ServiceClock(service=k, offset_s=o) for k, o in told if o is not None)

    def _image(self) -> Image | None:
        found = catalogue.newest_image(self._services["image"], self._fleet.image)
        if found is None:
            detail = f"no active image matches {self._fleet.image}"
            self._troubles.append(Trouble(check=Check.IMAGE, detail=detail))
        return found

    def _of_compute(self) -> dict[str, object]:
        compute, fleet = self._compute, self._fleet
        flavour = self._read(
            Check.FLAVOUR, "compute", lambda: catalogue.find_flavour(compute, fleet)
        )
        self._read(
            Check.KEY_PAIR,
            "compute",
            lambda: catalogue.find_key_pair(compute, fleet, self._wanted),
        )
        limits = self._read(Check.INSTANCES, "compute", lambda: quotas.read_limits(compute))
        standing = self._read(
            Check.SURGE, "compute", lambda: list_servers(compute, self._wanted.name, fleet.name)
        )
        return {
            "flavour": flavour and FlavourSize(vcpus=flavour["vcpus"], ram_mib=flavour["ram"]),
            "servers": None if standing is None else len(standing),
            **quotas.compute_quotas(limits or {})._asdict(),
        }

    def _of_network(self) -> dict[str, object]:
        network, wanted = self._network, self._wanted
        field = f"regions.{wanted.name}.network"
        self._read(
            Check.SECURITY_GROUPS,
            "network",
            lambda: catalogue.find_security_groups(network, self._fleet),
        )
        network_id = self._read(
            Check.NETWORK,
            "network",
            lambda: catalogue.find_network(network, wanted.network, field=field),
        )
        ports = self._read(Check.PORTS, "network", lambda: quotas.port_quota(network))
        if network_id is None:
            return {"ports": ports}
        subnets = self._read(
            Check.ALLOCATION_POOLS, "network", lambda: _subnets(network, network_id)
        )
        if subnets is None:
            return {"ports": ports}
        addresses = self._read(
            Check.ADDRESSES, "network", lambda: _addresses(network, network_id, subnets)
        )
        return {"ports": ports, "subnets": subnets, "addresses": addresses}

    def _of_balancer(self) -> dict[str, object]:
        service = self._balancer
        setup = self._read(
            Check.POOL,
            "load-balancer",
            lambda: catalogue.find_pool(service, self._network, self._wanted),
        )
        balancer = setup and self._read(
            Check.BALANCER, "load-balancer", lambda: _balancer(service, setup.balancer_id)
        )
        members = self._read(Check.MEMBERS, "load-balancer", lambda: quotas.member_quota(service))
        return {"balancer": balancer, "members": members}


def _subnets(network: Service, network_id: str) -> tuple[Subnet, ...]:
    found = network.pages("/subnets", "subnets", limit=_PAGE, network_id=network_id)
    return tuple(_subnet(body) for body in found if body["ip_version"] == _IPV4)


def _subnet(body: Body) -> Subnet:
    pools = (AddressRange(first=p["start"], last=p["end"]) for p in body["allocation_pools"])
    cidr = IPv4Network(body["cidr"])
    return Subnet(name=body.get("name") or body["id"], cidr=cidr, pools=tuple(pools))


def _addresses(network: Service, network_id: str, subnets: tuple[Subnet, ...]) -> Quota:
    """Addresses that the subnets give out, and those that ports have of them.

    Neutron's own count (`network-ip-availabilities`) is for administrators.
    """
    ranges = [pool for subnet in subnets for pool in subnet.pools]
    ports = network.pages("/ports", "ports", limit=_PAGE, network_id=network_id)
    taken = {IPv4Address(ip) for port in ports for ip in _ipv4_of(port)}
    used = sum(1 for ip in taken if any(one.first <= ip <= one.last for one in ranges))
    return Quota(limit=sum(one.addresses for one in ranges), used=used)


def _ipv4_of(port: Body) -> list[str]:
    found = (str(fixed["ip_address"]) for fixed in port.get("fixed_ips", ()))
    return [address for address in found if ":" not in address]


def _balancer(service: Service, balancer_id: str) -> Balancer:
    found = service.get(f"/lbaas/loadbalancers/{balancer_id}")["loadbalancer"]
    return Balancer(id=found["id"], provisioning_status=found["provisioning_status"])
