"""Readiness judged from what a cloud says: each bound from both sides."""

from datetime import timedelta

import pytest

from springtide.model.readiness import (
    Balancer,
    Check,
    CredentialReport,
    Finding,
    Readiness,
    RegionReport,
    ServiceClock,
    Trouble,
)
from springtide.planning.readiness import readiness_alarm, readiness_rows, readiness_summary
from tests.planning.reports import (
    NOW,
    a_credential,
    a_fleet,
    a_region,
    a_subnet,
    an_image,
    detail,
    judged,
    regions,
    verdict,
)

GREEN, AMBER, RED = Readiness.GREEN, Readiness.AMBER, Readiness.RED
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def test_a_cloud_that_has_everything_is_green() -> None:
    """Every check is told, once for each region where it has one, and none is anything else."""
    findings = judged()
    assert {GREEN} == {f.verdict for f in findings}
    assert set(Check) - {Check.CLOCK} == {f.check for f in findings}
    assert len(findings) == len({(f.check, f.region) for f in findings})
    assert "ready: 48 green" == readiness_summary(findings)
    assert readiness_alarm(findings) is None


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(-DAY, RED, id="ended yesterday"),
        pytest.param(7 * DAY - SECOND, RED, id="a second less than a week"),
        pytest.param(7 * DAY, AMBER, id="a week"),
        pytest.param(30 * DAY - SECOND, AMBER, id="a second less than thirty days"),
        pytest.param(30 * DAY, GREEN, id="thirty days"),
    ],
)
def test_credentials_that_end(left: timedelta, expected: Readiness) -> None:
    """Red below seven days, amber below thirty."""
    findings = judged(credential=a_credential(expires_at=NOW + left))
    assert expected == verdict(findings, Check.EXPIRY)


@pytest.mark.parametrize(
    ("credential", "expected", "said"),
    [
        pytest.param(a_credential(), GREEN, "they never end", id="no expiry"),
        pytest.param(a_credential(unread="403"), AMBER, "not known: 403", id="not to be read"),
        pytest.param(
            CredentialReport(), GREEN, "a user's password: nothing tells when it ends", id="user"
        ),
    ],
)
def test_an_expiry_that_is_not_told(
    credential: CredentialReport, expected: Readiness, said: str
) -> None:
    """What cannot be known is not taken for good."""
    findings = judged(credential=credential)
    assert (expected, said) == (
        verdict(findings, Check.EXPIRY),
        detail(findings, Check.EXPIRY),
    )


def test_refused_credentials_are_the_only_finding() -> None:
    """Nothing else can be looked at."""
    findings = judged((), credential=CredentialReport(refused="401"))
    assert (Finding(check=Check.CREDENTIALS, verdict=RED, detail="401"),) == findings


@pytest.mark.parametrize(
    ("offset_s", "expected"),
    [(0, GREEN), (5, GREEN), (5.1, AMBER), (60, AMBER), (60.1, RED), (-5.1, AMBER), (-60.1, RED)],
)
def test_clocks(offset_s: float, expected: Readiness) -> None:
    """Amber above five seconds, red above sixty, either way; a region's worst service counts."""
    clocks = (
        ServiceClock(service="image", offset_s=0),
        ServiceClock(service="compute", offset_s=offset_s),
    )
    findings = judged(
        [a_region(clocks=clocks)],
        fleet=a_fleet({"name": "GRA11"}),
        credential=a_credential(offset_s=offset_s),
    )
    assert expected == verdict(findings, Check.CLOCK)
    assert expected == verdict(findings, Check.CLOCK, "GRA11")


@pytest.mark.parametrize(
    "check",
    [
        Check.ANSWER,
        Check.IMAGE,
        Check.FLAVOUR,
        Check.KEY_PAIR,
        Check.SECURITY_GROUPS,
        Check.NETWORK,
        Check.ALLOCATION_POOLS,
        Check.POOL,
        Check.BALANCER,
    ],
)
def test_what_is_missing_is_red_in_its_region_alone(check: Check) -> None:
    """The detail is the cloud's own; the other regions stay green."""
    gaps: dict[Check, dict[str, object]] = {
        Check.IMAGE: {"image": None},
        Check.FLAVOUR: {"flavour": None},
        Check.ALLOCATION_POOLS: {"subnets": None},
        Check.BALANCER: {"balancer": None},
    }
    found = {Check.KEY_PAIR, Check.SECURITY_GROUPS, Check.NETWORK, Check.POOL} - {check}
    trouble = Trouble(check=check, detail="there is none")
    lacking = a_region("SBG5", troubles=(trouble,), **({"passed": found} | gaps.get(check, {})))
    findings = judged([a_region(), lacking, a_region("RBX1")])
    assert (RED, "there is none") == (
        verdict(findings, check, "SBG5"),
        detail(findings, check, "SBG5"),
    )
    assert [GREEN] * 2 == [verdict(findings, check, name) for name in ("GRA11", "RBX1")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("ACTIVE", GREEN), ("PENDING_UPDATE", AMBER), ("PENDING_CREATE", AMBER), ("ERROR", RED)],
)
def test_balancers(status: str, expected: Readiness) -> None:
    """Busy wants a look, anything else but ACTIVE takes no member."""
    reports = regions(balancer=Balancer(id="b", provisioning_status=status))
    assert expected == verdict(judged(reports), Check.BALANCER, "GRA11")


OLD = an_image(name="api-iis-1", checksum="bb", created_at=NOW - DAY)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param((an_image(), an_image()), (GREEN, GREEN), id="alike"),
        pytest.param((an_image(), OLD), (GREEN, RED), id="the second one's is older"),
        pytest.param((OLD, an_image()), (RED, GREEN), id="the first one's is older"),
        pytest.param(
            (an_image(), an_image(name="other", created_at=NOW - DAY)),
            (GREEN, GREEN),
            id="another name and day, the same content",
        ),
        pytest.param((an_image(), an_image(checksum=None)), (GREEN, AMBER), id="no checksum"),
    ],
)
def test_images_are_alike(images: tuple[object, object], expected: tuple[Readiness, ...]) -> None:
    """The newest one's content is what all have to have."""
    reports = [a_region(image=images[0]), a_region("SBG5", image=images[1])]
    findings = judged(reports)
    assert expected == tuple(verdict(findings, Check.IMAGE, r.region) for r in reports)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        pytest.param(a_subnet("10.0.1.0", "10.0.1.255"), GREEN, id="the addresses after ours"),
        pytest.param(a_subnet("10.0.0.255", "10.0.1.255"), RED, id="one address of ours"),
        pytest.param(a_subnet("10.0.0.0", "10.0.0.255"), RED, id="just ours"),
        pytest.param(
            a_subnet("10.0.0.0", "10.0.0.255", "10.0.0.0/24"), RED, id="a part of our network"
        ),
        pytest.param(
            a_subnet("10.1.0.0", "10.1.0.255", "10.1.0.0/16"), GREEN, id="another network"
        ),
    ],
)
def test_regions_that_share_a_network_give_out_different_addresses(
    theirs: object, expected: Readiness
) -> None:
    """Both regions of an overlap are red, and its text names both."""
    ours = a_subnet("10.0.0.0", "10.0.0.255")
    reports = [a_region(subnets=(ours,)), a_region("SBG5", subnets=(theirs,))]
    findings = judged(reports)
    found = [verdict(findings, Check.ALLOCATION_POOLS, name) for name in ("GRA11", "SBG5")]
    assert [expected] * 2 == found
    if expected is RED:
        said = detail(findings, Check.ALLOCATION_POOLS, "SBG5")
        assert said.startswith("10.0.0.0 to 10.0.0.255 in GRA11 and ")


def test_a_network_without_addresses_is_red() -> None:
    """It gives no server an address."""
    findings = judged(regions(subnets=()))
    assert RED == verdict(findings, Check.ALLOCATION_POOLS, "GRA11")


def test_a_region_that_does_not_answer_is_one_red_finding_and_no_room() -> None:
    """Its limits are not known, and never 0; the surge counts on the others alone."""
    trouble = Trouble(check=Check.ANSWER, detail="compute: no connection")
    findings = judged([a_region(), RegionReport(region="SBG5", troubles=(trouble,))])
    red = [f.check for f in findings if f.verdict is RED]
    assert [Check.ANSWER] == red
    assert AMBER == verdict(findings, Check.CORES, "SBG5")
    assert "300 servers: 300 in GRA11, 0 in SBG5 (bound by answer)" in detail(findings, Check.SURGE)


def test_red_rows_come_first_and_the_alarm_tells_them() -> None:
    """The table begins with what is wrong; the message has it too, and says when there is more."""
    reports = [a_region(balancer=Balancer(id="b", provisioning_status="ERROR"))]
    findings = judged(reports, fleet=a_fleet({"name": "GRA11"}))
    first = readiness_rows(findings)[0]
    assert {
        "verdict": "🔴 red",
        "check": "balancer",
        "region": "GRA11",
        "detail": "ERROR",
    } == first
    assert "not ready: 1 red, 17 green: GRA11: balancer: ERROR" == readiness_alarm(findings)
    many = tuple(findings[0].model_copy(update={"verdict": RED}) for _ in range(12))
    assert (readiness_alarm(many) or "").endswith("; and 2 more")
