"""Whether a fleet could open its evening and stand at a full surge, judged from what a cloud says.

As an operator reads it: red is what would fail, or leave servers out, if it were wanted now:
credentials that are refused or end within a week; a region that does not answer; an image, flavour,
network or pool that is missing; an image of another content than the newest one's; address pools of
two regions that overlap; a balancer that takes no change; a clock more than a minute off; and a
full surge for which the quotas have no room. Amber is what wants a look: credentials that end
within a month, a limit that may not be read, a balancer that is busy, a clock more than five
seconds off. How the surge is judged stands in `surge_room`.

Example: the image of GRA11 is newer than that of SBG5: SBG5 is red, and `distribute_image` helps.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations, product

from springtide.model.base import Moment
from springtide.model.fleet import Fleet
from springtide.model.readiness import (
    Check,
    CloudReport,
    CredentialReport,
    Finding,
    Readiness,
    RegionReport,
)
from springtide.planning.surge_room import LIMITS, judge_surge
from springtide.planning.telling import Row

EXPIRY_RED = timedelta(days=7)
EXPIRY_AMBER = timedelta(days=30)
CLOCK_AMBER_S = 5.0
CLOCK_RED_S = 60.0
_MOST_TOLD = 10
"""A notice with more lines is not read; the artifact has them all."""

_GREEN, _AMBER, _RED = Readiness.GREEN, Readiness.AMBER, Readiness.RED
_MARKS = {_GREEN: "🟢", _AMBER: "🟡", _RED: "🔴"}


def judge_readiness(report: CloudReport, fleet: Fleet) -> tuple[Finding, ...]:
    """Every finding, in the order of the checks, and of the fleet's regions within each."""
    found = [
        *_credentials(report.credential, report.at),
        *(finding for region in report.regions for finding in _region(region, fleet)),
        *_images(report.regions),
        *_allocation_pools(report.regions),
        *judge_surge(report.regions, fleet),
    ]
    order, places = list(Check), [None, *(region.name for region in fleet.regions)]
    return tuple(sorted(found, key=lambda f: (order.index(f.check), places.index(f.region))))


def readiness_alarm(findings: tuple[Finding, ...]) -> str | None:
    """What is red, the first ten in full; None where nothing is."""
    red = [f"{f.region or 'cloud'}: {f.check}: {f.detail}" for f in findings if f.verdict is _RED]
    if not red:
        return None
    more = f"; and {len(red) - _MOST_TOLD} more" if len(red) > _MOST_TOLD else ""
    return f"{readiness_summary(findings)}: {'; '.join(red[:_MOST_TOLD])}{more}"


def readiness_summary(findings: tuple[Finding, ...]) -> str:
    """One line: `not ready: 2 red, 1 amber, 40 green`."""
    counts = {verdict: sum(1 for f in findings if f.verdict is verdict) for verdict in Readiness}
    word = "not ready" if counts[_RED] else "ready"
    told = ", ".join(f"{counts[v]} {v}" for v in reversed(Readiness) if counts[v])
    return f"{word}: {told}"


def readiness_rows(findings: tuple[Finding, ...]) -> list[Row]:
    """The findings as a table, red ones first."""
    gravest = sorted(findings, key=lambda f: -list(Readiness).index(f.verdict))
    return [
        {
            "verdict": f"{_MARKS[f.verdict]} {f.verdict}",
            "check": f.check.value,
            "region": f.region or "all",
            "detail": f.detail,
        }
        for f in gravest
    ]


def _credentials(credential: CredentialReport, now: Moment) -> Iterator[Finding]:
    if credential.refused is not None:
        yield Finding(check=Check.CREDENTIALS, verdict=_RED, detail=credential.refused)
        return
    yield Finding(check=Check.CREDENTIALS, verdict=_GREEN, detail="they work")
    yield _expiry(credential, now)
    if credential.offset_s is not None:
        yield _clock("identity", credential.offset_s, None)


def _expiry(credential: CredentialReport, now: Moment) -> Finding:
    if not credential.application:
        detail = "a user's password: nothing tells when it ends"
        return Finding(check=Check.EXPIRY, verdict=_GREEN, detail=detail)
    if credential.unread is not None:
        return Finding(check=Check.EXPIRY, verdict=_AMBER, detail=f"not known: {credential.unread}")
    if credential.expires_at is None:
        return Finding(check=Check.EXPIRY, verdict=_GREEN, detail="they never end")
    left = credential.expires_at - now
    verdict = _RED if left < EXPIRY_RED else _AMBER if left < EXPIRY_AMBER else _GREEN
    days = max(0, left.days)
    detail = f"they end in {days} days, at {credential.expires_at.isoformat()}"
    return Finding(check=Check.EXPIRY, verdict=verdict, detail=detail)


def _clock(service: str, offset_s: float, region: str | None) -> Finding:
    off = abs(offset_s)
    verdict = _RED if off > CLOCK_RED_S else _AMBER if off > CLOCK_AMBER_S else _GREEN
    way = "ahead of" if offset_s > 0 else "behind"
    detail = f"{service} is {off:.0f} s {way} ours" if off else f"{service} agrees with ours"
    return Finding(check=Check.CLOCK, region=region, verdict=verdict, detail=detail)


def _region(report: RegionReport, fleet: Fleet) -> Iterator[Finding]:
    """What one region says by itself; its limits are judged with the surge."""
    name = report.region
    for trouble in report.troubles:
        if trouble.check not in (*LIMITS, Check.SURGE):
            yield Finding(check=trouble.check, region=name, verdict=_RED, detail=trouble.detail)
    for check, named in _named(fleet, name).items():
        if check in report.passed:
            yield Finding(check=check, region=name, verdict=_GREEN, detail=named)
    if all(trouble.check is not Check.ANSWER for trouble in report.troubles):
        detail = "all of its services answer"
        yield Finding(check=Check.ANSWER, region=name, verdict=_GREEN, detail=detail)
    if report.clocks:
        worst = max(report.clocks, key=lambda clock: abs(clock.offset_s))
        yield _clock(worst.service, worst.offset_s, name)
    if report.flavour is not None:
        size = f"{report.flavour.vcpus} cores, {report.flavour.ram_mib} MiB"
        detail = f"{fleet.flavour}: {size}"
        yield Finding(check=Check.FLAVOUR, region=name, verdict=_GREEN, detail=detail)
    if report.balancer is not None:
        yield _balancer(report.balancer.provisioning_status, name)


def _named(fleet: Fleet, region: str) -> dict[Check, str]:
    """What the estate names in the region, and how it is told when it is there."""
    wanted = fleet.region(region)
    return {
        Check.KEY_PAIR: fleet.key_pair or "none is named",
        Check.SECURITY_GROUPS: ", ".join(fleet.security_groups) or "none are named",
        Check.NETWORK: wanted.network,
        Check.POOL: wanted.pool,
    }


def _balancer(status: str, region: str) -> Finding:
    verdict = _AMBER if status.startswith("PENDING_") else _GREEN if status == "ACTIVE" else _RED
    return Finding(check=Check.BALANCER, region=region, verdict=verdict, detail=status)


def _images(reports: tuple[RegionReport, ...]) -> Iterator[Finding]:
    """The same content everywhere: that of the newest image."""
    held = [(report.region, report.image) for report in reports if report.image is not None]
    told = [(region, image) for region, image in held if image.checksum is not None]
    first, newest = max(told, key=lambda pair: (pair[1].created_at, pair[0]), default=("", None))
    for region, image in held:
        if image.checksum is None or newest is None:
            verdict, detail = _AMBER, f"{image.name}: the region tells no checksum"
        elif image.checksum == newest.checksum:
            verdict, detail = _GREEN, f"{image.name}, {image.checksum[:12]}"
        else:
            verdict, detail = (
                _RED,
                (
                    f"{image.name}, {image.checksum[:12]}, is not what {first} has:"
                    f" {newest.name}, {str(newest.checksum)[:12]}"
                ),
            )
        yield Finding(check=Check.IMAGE, region=region, verdict=verdict, detail=detail)


def _allocation_pools(reports: tuple[RegionReport, ...]) -> Iterator[Finding]:
    """Regions that share a network's addresses must give out different ones."""
    known = [report for report in reports if report.subnets is not None]
    overlaps: dict[str, str] = {}
    for one, other in combinations(known, 2):
        if (where := _overlap(one, other)) is not None:
            overlaps |= {one.region: where, other.region: where}
    for report in known:
        pools = [str(pool) for subnet in report.subnets or () for pool in subnet.pools]
        nothing = None if pools else "the network gives out no IPv4 addresses"
        wrong = nothing or overlaps.get(report.region)
        yield Finding(
            check=Check.ALLOCATION_POOLS,
            region=report.region,
            verdict=_RED if wrong else _GREEN,
            detail=wrong or ", ".join(pools),
        )


def _overlap(one: RegionReport, other: RegionReport) -> str | None:
    """Which ranges of two regions hold the same addresses; None where none do."""
    for mine, theirs in product(one.subnets or (), other.subnets or ()):
        if not mine.cidr.overlaps(theirs.cidr):
            continue
        for first, second in product(mine.pools, theirs.pools):
            if first.overlaps(second):
                return f"{first} in {one.region} and {second} in {other.region} overlap"
    return None
