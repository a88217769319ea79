"""Builders for what a cloud says of a fleet: a fleet over regions, reports, findings by name."""

from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Network

from springtide.model.fleet import Fleet
from springtide.model.readiness import (
    AddressRange,
    Balancer,
    Check,
    CloudReport,
    CredentialReport,
    Finding,
    FlavourSize,
    Quota,
    Readiness,
    RegionReport,
    Subnet,
)
from springtide.model.snapshot import Image
from springtide.planning.readiness import judge_readiness

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGIONS = ("GRA11", "SBG5", "RBX1")
PLENTY = 100_000


def a_fleet(*regions: dict[str, object], **changes: object) -> Fleet:
    """A fleet of at most 300 servers over three regions, or over those that are given."""
    given = regions or tuple({"name": name} for name in REGIONS)
    base: dict[str, object] = {
        "name": "api",
        "image": "api-iis-*",
        "flavour": "b2-60",
        "max_servers": 300,
        "regions": tuple({"network": "vrack", "pool": "api"} | region for region in given),
    }
    return Fleet.model_validate(base | changes)


def a_surge(**changes: object) -> dict[str, object]:
    """What is authorised beforehand: 300 servers, changed as asked."""
    base: dict[str, object] = {
        "max_servers": 300,
        "max_hours": 12,
        "budget": 1,
        "monthly_budget": 1,
    }
    return base | changes


def an_image(**changes: object) -> Image:
    """The golden image in a region."""
    base: dict[str, object] = {"id": "i", "name": "api-iis-2", "checksum": "aa", "created_at": NOW}
    return Image.model_validate(base | changes)


def a_subnet(first: str, last: str, cidr: str = "10.0.0.0/16") -> Subnet:
    """A subnet that gives out these addresses."""
    pool = AddressRange.model_validate({"first": first, "last": last})
    return Subnet(name="vrack", cidr=IPv4Network(cidr), pools=(pool,))


def a_region(name: str = "GRA11", **changes: object) -> RegionReport:
    """A region with all that the fleet needs, and room for any surge."""
    number = REGIONS.index(name)
    base: dict[str, object] = {
        "region": name,
        "passed": {Check.KEY_PAIR, Check.SECURITY_GROUPS, Check.NETWORK, Check.POOL},
        "image": an_image(),
        "flavour": FlavourSize(vcpus=16, ram_mib=61_440),
        "subnets": (a_subnet(f"10.0.{number}.0", f"10.0.{number}.255"),),
        "balancer": Balancer(id="b", provisioning_status="ACTIVE"),
        "servers": 0,
        "instances": Quota(limit=PLENTY),
        "cores": Quota(limit=PLENTY * 16),
        "ram_mib": Quota(limit=PLENTY * 61_440),
        "ports": Quota(limit=PLENTY),
        "addresses": Quota(limit=PLENTY),
        "members": Quota(limit=None),
    }
    return RegionReport.model_validate(base | changes)


def regions(**changes: object) -> tuple[RegionReport, ...]:
    """All three regions, each changed alike."""
    return tuple(a_region(name, **changes) for name in REGIONS)


def a_credential(**changes: object) -> CredentialReport:
    """An application credential that never ends, changed as asked."""
    return CredentialReport.model_validate({"application": True} | changes)


def judged(
    reports: Iterable[RegionReport] | None = None,
    *,
    fleet: Fleet | None = None,
    credential: CredentialReport | None = None,
) -> tuple[Finding, ...]:
    """The findings on these reports; on regions that lack nothing where none are given."""
    report = CloudReport(
        at=NOW,
        credential=credential or a_credential(),
        regions=tuple(regions() if reports is None else reports),
    )
    return judge_readiness(report, fleet or a_fleet())


def verdict(
    findings: tuple[Finding, ...], check: Check, region: str | None = None
) -> Readiness | None:
    """The verdict of one check; None where nothing is said of it."""
    found = [f.verdict for f in findings if (f.check, f.region) == (check, region)]
    assert len(found) <= 1
    return found[0] if found else None


def detail(findings: tuple[Finding, ...], check: Check, region: str | None = None) -> str:
    """What one check says."""
    return next(f.detail for f in findings if (f.check, f.region) == (check, region))
