"""What a region and the credentials say for the readiness check, on the sandbox."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from springtide.clouds.openstack.connection import CloudAccess
from springtide.model.readiness import Check, FlavourSize, Quota
from springtide.sandbox.config import SandboxConfig, SandboxIdentity, SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.process import Sandbox
from tests.clouds.stage import (
    Case,
    Stage,
    a_fleet,
    a_fleet_region,
    an_estate,
    case_name,
    clouds_file,
    silent_audit,
)

LIMITS = ("instances", "cores", "ram_mib", "ports", "addresses", "members")


def test_a_region_that_has_everything(stage: Stage) -> None:
    """All is read, by reads alone, and counts what anybody uses."""
    quota = SandboxQuota(instances=10, cores=100, ram_mib=8 * 61_440, ports=9, members=7)
    stage.sandbox.change_region("GRA11", RegionChange(quota=quota))
    stage.launch(2)
    stage.joined([1, 2, 3])
    stage.sandbox.forget_calls()
    report = stage.gra.inspect(a_fleet(key_pair="springtide"))
    assert () == report.troubles
    assert report.image is not None
    assert ("api-iis-2026-11-16", FlavourSize(vcpus=16, ram_mib=61_440), 2) == (
        report.image.name,
        report.flavour,
        report.servers,
    )
    assert {
        "instances": Quota(limit=10, used=2),
        "cores": Quota(limit=100, used=32),
        "ram_mib": Quota(limit=8 * 61_440, used=2 * 61_440),
        "ports": Quota(limit=9, used=2),
        "addresses": Quota(limit=4093, used=2),
        "members": Quota(limit=7, used=3),
    } == {name: getattr(report, name) for name in LIMITS}
    assert {Check.KEY_PAIR, Check.SECURITY_GROUPS, Check.NETWORK, Check.POOL} <= report.passed
    assert stage.calls("GET") == stage.calls()


def test_the_subnets_and_the_balancer_are_told(stage: Stage) -> None:
    """With the addresses that the network gives out, and whether the balancer takes a change."""
    report = stage.gra.inspect(stage.fleet)
    assert report.subnets is not None
    assert report.balancer is not None
    [subnet] = report.subnets
    assert ["127.21.0.2 to 127.21.15.254"] == [str(pool) for pool in subnet.pools]
    assert "ACTIVE" == report.balancer.provisioning_status
    stage.sandbox.stick_balancer(stage.pool_id(), 60)
    busy = stage.gra.inspect(stage.fleet).balancer
    assert busy is not None
    assert "PENDING_UPDATE" == busy.provisioning_status


def test_every_services_clock_is_told(stage: Stage) -> None:
    """The sandbox's services tell the time of this machine."""
    clocks = stage.gra.inspect(stage.fleet).clocks
    assert ["compute", "image", "network", "load-balancer"] == [c.service for c in clocks]
    assert max(abs(clock.offset_s) for clock in clocks) < 5


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        (Check.IMAGE, {"image": "nothing-*"}),
        (Check.FLAVOUR, {"flavour": "b9-60"}),
        (Check.KEY_PAIR, {"key_pair": "nobody"}),
        (Check.SECURITY_GROUPS, {"security_groups": ("nobody",)}),
        (Check.NETWORK, {"regions": (a_fleet_region(network="none"),)}),
        (Check.POOL, {"regions": (a_fleet_region(pool="none"),)}),
        (Check.POOL, {"regions": (a_fleet_region(subnet="none"),)}),
    ],
)
def test_what_is_missing_is_one_trouble(
    stage: Stage, check: Check, changes: dict[str, object]
) -> None:
    """The rest of the region is read all the same."""
    report = stage.gra.inspect(a_fleet(**changes))
    assert [check] == [trouble.check for trouble in report.troubles]
    assert check is Check.IMAGE or check not in report.passed
    assert report.instances is not None


class Unread(Case):
    """A limit, and what refuses to tell it."""

    check: Check
    service: str
    path: str


UNREAD = (
    Unread(name="instances", check=Check.INSTANCES, service="compute", path="^/limits"),
    Unread(name="ports", check=Check.PORTS, service="network", path="^/v2.0/quotas"),
    Unread(name="addresses", check=Check.ADDRESSES, service="network", path="^/v2.0/ports"),
    Unread(name="members", check=Check.MEMBERS, service="load-balancer", path="/lbaas/quotas"),
)


@pytest.mark.parametrize("case", UNREAD, ids=case_name)
@pytest.mark.parametrize("status", [403, 404])
def test_a_limit_that_may_not_be_read_is_unknown(stage: Stage, case: Unread, status: int) -> None:
    """It is told as such, and nothing of it is 0."""
    rule = FaultRule(service=case.service, path_regex=case.path, status=status)
    stage.sandbox.add_fault(rule)
    report = stage.gra.inspect(stage.fleet)
    assert getattr(report, case.name) is None
    assert [case.check] == [trouble.check for trouble in report.troubles]


def test_a_service_that_does_not_answer_is_asked_one_thing(stage: Stage) -> None:
    """One trouble and one patience; the other services tell what they have."""
    stage.gra.resolve_launch(stage.fleet)
    stage.sandbox.forget_calls()
    stage.sandbox.add_fault(FaultRule(service="compute", status=503, retry_after_s=0))
    report = stage.gra.inspect(stage.fleet)
    assert [Check.ANSWER] == [trouble.check for trouble in report.troubles]
    assert (None, None) == (report.flavour, report.instances)
    assert report.image is not None
    assert report.members is not None
    asked = {key.path for key in stage.sandbox.call_counts() if key.service == "compute"}
    assert {"/flavors/detail"} == asked


def test_a_users_password_works_and_tells_no_expiry(stage: Stage) -> None:
    """A token is asked for anew; the identity service's clock is told."""
    found = stage.access.inspect_credential()
    assert (None, False, None) == (found.refused, found.application, found.expires_at)
    assert abs(found.offset_s or 0) < 5
    assert 1 == stage.calls("POST", "/auth/tokens")


def test_an_application_credential_tells_when_it_ends(tmp_path: Path) -> None:
    """It reads itself; once it has ended, it is refused."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    config = SandboxConfig(identity=SandboxIdentity(credential_expires_at=ends), data_plane=False)
    with Sandbox(config) as sandbox:
        path = sandbox.clouds_yaml(tmp_path / "clouds.yaml", auth="v3applicationcredential")
        with clouds_file(path):
            access = CloudAccess.open(an_estate(), silent_audit())
        found = access.inspect_credential()
        assert (None, True, ends) == (found.refused, found.application, found.expires_at)
        sandbox.add_fault(
            FaultRule(service="identity", path_regex="application_credentials", status=403)
        )
        unread = access.inspect_credential()
        assert unread.application
        assert "403" in (unread.unread or "")
        sandbox.set_clock(ends)
        refused = access.inspect_credential()
    assert "401" in (refused.refused or "")
