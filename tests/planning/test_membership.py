"""When members join: few calls for many, and nobody waits without end."""

from datetime import datetime, timedelta

import pytest

from springtide.model.base import Model
from springtide.model.claim import ClaimBook
from springtide.model.fleet import Fleet
from springtide.model.plan import Join
from springtide.model.server import Member, Server
from springtide.model.snapshot import FleetSnapshot, RegionSnapshot
from springtide.planning.membership import plan_joins
from springtide.planning.region import view_regions
from springtide.planning.round_input import RoundInput
from tests.planning.fleet_world import START, a_fleet, desired

NOW = START + timedelta(minutes=10)
WAVE, INTERVAL_S = 4, 10


class Case(Model):
    """Who is there, and how many join."""

    name: str
    ready: int
    booting: int
    active_for_s: float = 0
    """Since when the first of the ready ones is ACTIVE."""
    joined_ago_s: float | None = None
    """When the last member joined; None: the pool has none."""
    join: int


CASES = (
    Case(name="nobody is ready", ready=0, booting=5, join=0),
    Case(name="nobody else is on the way", ready=1, booting=0, joined_ago_s=1, join=1),
    Case(name="one less than a wave", ready=3, booting=1, active_for_s=9, join=0),
    Case(name="a wave, as many to come", ready=4, booting=4, joined_ago_s=1, join=4),
    Case(name="a wave, fewer to come", ready=4, booting=3, joined_ago_s=1, join=0),
    Case(
        name="a wave for long, fewer to come",
        ready=4,
        booting=3,
        active_for_s=10,
        joined_ago_s=10,
        join=4,
    ),
    Case(name="into an empty pool, not yet for long", ready=1, booting=5, active_for_s=9, join=0),
    Case(name="into an empty pool, for long", ready=1, booting=5, active_for_s=10, join=1),
    Case(
        name="ready for long, the last join lately",
        ready=3,
        booting=2,
        active_for_s=60,
        joined_ago_s=9,
        join=0,
    ),
    Case(
        name="ready for long, the last join long ago",
        ready=3,
        booting=2,
        active_for_s=60,
        joined_ago_s=10,
        join=3,
    ),
    Case(
        name="half as many to come, the last join long ago",
        ready=2,
        booting=1,
        active_for_s=60,
        joined_ago_s=19,
        join=0,
    ),
    Case(
        name="half as many to come, the last join very long ago",
        ready=2,
        booting=1,
        active_for_s=60,
        joined_ago_s=20,
        join=2,
    ),
    Case(
        name="ready lately, the last join long ago",
        ready=3,
        booting=2,
        active_for_s=9,
        joined_ago_s=60,
        join=0,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_servers_join(case: Case) -> None:
    """A join is worth a call for a wave before the last ones, for these, and after the interval."""
    fleet = a_fleet(wave_servers=WAVE, join_interval_s=INTERVAL_S)
    ready = [_server(n, active_at=NOW) for n in range(1, case.ready)]
    if case.ready:
        ready.append(_server(0, active_at=NOW - timedelta(seconds=case.active_for_s)))
    booting = [_server(100 + n) for n in range(case.booting)]
    serving = [] if case.joined_ago_s is None else [_server(200, active_at=START)]
    joined_at = NOW - timedelta(seconds=case.joined_ago_s or 0)
    region = RegionSnapshot(
        region="GRA11",
        servers=(*ready, *booting, *serving),
        members=tuple(_member(server, at=joined_at) for server in serving),
        answering=frozenset(server.id for server in ready),
    )
    assert case.join == sum(len(join.members) for join in _joins(fleet=fleet, region=region))


def test_ten_that_boot_for_minutes_join_in_two_calls() -> None:
    """Ten servers ready twelve seconds apart, an interval of a minute: two calls, none late."""
    fleet = a_fleet(wave_servers=16, join_interval_s=60)
    ready_at = [START + timedelta(seconds=60 + 12 * n) for n in range(10)]
    calls: list[tuple[int, int]] = []
    joined: list[Member] = []
    for second in range(0, 200, 4):
        now = START + timedelta(seconds=second)
        servers = tuple(
            _server(n, active_at=at if at <= now else None) for n, at in enumerate(ready_at)
        )
        region = RegionSnapshot(
            region="GRA11",
            servers=servers,
            members=tuple(joined),
            answering=frozenset(s.id for s in servers if s.status == "ACTIVE"),
        )
        for join in _joins(fleet=fleet, region=region, now=now):
            calls.append((second, len(join.members)))
            ids = {member.server_id for member in join.members}
            joined += [_member(server, at=now) for server in servers if server.id in ids]
    assert [(120, 6), (168, 4)] == calls


def _joins(*, fleet: Fleet, region: RegionSnapshot, now: datetime = NOW) -> tuple[Join, ...]:
    snapshot = FleetSnapshot(fleet="api", at=now, regions=(region,))
    given = RoundInput(fleet=fleet, desired=desired(30), book=ClaimBook(), now=now, run="ab12")
    return plan_joins(view_regions(snapshot, fleet, now, given.book), given, going=frozenset())


def _server(number: int, *, active_at: datetime | None = None) -> Server:
    """A server that is ACTIVE since `active_at`; None: it boots."""
    return Server(
        id=f"s{number}",
        name=f"api-{number}",
        region="GRA11",
        status="BUILD" if active_at is None else "ACTIVE",
        address=f"127.1.0.{number}",
        image_id="image-1",
        created_at=NOW if active_at is None else START,
        launched_at=active_at,
    )


def _member(server: Server, *, at: datetime) -> Member:
    """The server's membership, which began at `at`."""
    return Member(
        id=f"m-{server.id}",
        address=server.address or "",
        port=80,
        weight=1,
        ours=True,
        server_id=server.id,
        created_at=at,
    )
