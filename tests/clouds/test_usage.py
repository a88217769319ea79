"""What stood and for how long, as the clouds tell it: the gone, the living, the never ACTIVE."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from springtide.clouds.openstack.usage import read_servers_usage
from springtide.errors import Retryable
from springtide.model.usage import UsageKind, UsageRecord
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from tests.clouds.stage import Stage, wait_until

HOUR = timedelta(hours=1)
WAVE = "20261123t155501123-ab12-3-16"


@pytest.fixture
def used(stage: Stage) -> Callable[..., dict[str, UsageRecord]]:
    """Reads the usage in GRA11 from a day ago until now, by the names' ends."""

    def read(
        begins: datetime | None = None, ends: datetime | None = None
    ) -> dict[str, UsageRecord]:
        now = datetime.now(UTC)
        found = stage.gra.servers_usage(begins or now - 24 * HOUR, ends or now, fleets=["api"])
        return {record.name.rpartition("-")[2]: record for record in found}

    return read


def active(stage: Stage, servers: int, **changes: object) -> list[str]:
    """Ids of new servers of a wave that are ACTIVE, by their names."""
    before = {server.id for server in stage.gra.list_servers("api")}
    stage.launch(servers, **{"wave": WAVE} | changes)

    def booted() -> bool:
        found = stage.gra.list_servers("api")
        return [s.status for s in found if s.id not in before] == ["ACTIVE"] * servers

    wait_until(booted)
    found = sorted(stage.gra.list_servers("api"), key=lambda server: server.name)
    return [server.id for server in found if server.id not in before]


def gone(stage: Stage, ids: list[str]) -> None:
    """Delete those servers."""
    stage.gra.delete_servers(ids, "the test")
    wait_until(lambda: not {s.id for s in stage.gra.list_servers("api")} & set(ids))


def test_the_gone_are_told_with_their_end(
    stage: Stage, used: Callable[..., dict[str, UsageRecord]]
) -> None:
    """One that is gone ended, one that stands is told until now; both are the fleet's."""
    first, second = active(stage, 2)
    gone(stage, [first])
    now = datetime.now(UTC)
    told = used(ends=now)
    assert (first, second) == (told["1"].resource, told["2"].resource)
    assert told["1"].end < told["2"].end == now
    assert {("api", "b2-60", UsageKind.INSTANCE, "GRA11")} == {
        (each.fleet, each.sku, each.kind, each.region) for each in told.values()
    }


def test_every_page_is_read(stage: Stage) -> None:
    """More servers than a page of the cloud has."""
    ids = active(stage, 12)
    now = datetime.now(UTC)
    stage.sandbox.forget_calls()
    found = stage.gra.servers_usage(now - HOUR, now, fleets=["api"])
    assert sorted(ids) == [record.resource for record in found]
    assert 3 == stage.calls("GET", "/os-simple-tenant-usage")


def test_one_that_was_never_active_is_not_used(
    stage: Stage, used: Callable[..., dict[str, UsageRecord]]
) -> None:
    """It ended in ERROR while it was built: nothing of it is billed."""
    stage.sandbox.add_behaviour(ServerBehaviour(region="GRA11", error="BuildAbort", times=1))
    stage.launch(1, wave=WAVE)
    wait_until(lambda: [s.status for s in stage.gra.list_servers("api")] == ["ERROR"])
    assert {} == used()


@pytest.mark.parametrize(
    ("name", "fleet"),
    [
        pytest.param(f"api-{WAVE}-1", "api", id="a wave of the fleet"),
        pytest.param(f"api-two-{WAVE}-1", "api-two", id="a fleet of a longer name"),
        pytest.param("api-console", None, id="somebody else's of the same begin"),
        pytest.param(f"my-api-{WAVE}", None, id="somebody else's of the same end"),
    ],
)
def test_whose_it_was_is_known_by_its_name(stage: Stage, name: str, fleet: str | None) -> None:
    """When it is gone, its tag is gone, too."""
    (server,) = active(stage, 1)
    stage.gra._compute.change("PUT", f"/servers/{server}", {"server": {"name": name}}, why="test")  # noqa: SLF001 - nothing of ours renames
    gone(stage, [server])
    now = datetime.now(UTC)
    (told,) = stage.gra.servers_usage(now - HOUR, now, fleets=["api", "api-two"])
    assert (name, fleet) == (told.name, told.fleet)


def test_a_period_has_what_stood_in_it(
    stage: Stage, used: Callable[..., dict[str, UsageRecord]]
) -> None:
    """Not what was gone before its begin, nor what came after its end."""
    gone(stage, active(stage, 1))
    now = datetime.now(UTC)
    assert {} == used(begins=now + HOUR, ends=now + 2 * HOUR)
    assert {} == used(begins=now - 2 * HOUR, ends=now - HOUR)


class Told:
    """A compute service that answers what it is given."""

    project_id = "p"

    def __init__(self, *answers: dict[str, object]) -> None:
        """The last of the answers is given again and again."""
        self._answers = list(answers)
        self.calls: list[str] = []

    def get(self, path: str, **_params: object) -> dict[str, object]:
        """The next answer."""
        self.calls.append(path)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def pages(self, *_args: object, **_params: object) -> list[dict[str, object]]:
        """Nothing carries a tag."""
        return []


def a_usage(**changes: object) -> dict[str, object]:
    """What Nova tells of one server that stands."""
    told: dict[str, object] = {
        "instance_id": "i-1",
        "name": "console",
        "flavor": "b2-120",
        "started_at": "2026-11-20T10:00:00.000000",
        "ended_at": None,
    }
    return {"tenant_usage": {"server_usages": [told | changes]}}


BEGINS, ENDS = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)


def read_of(compute: Told) -> tuple[UsageRecord, ...]:
    """The usage of a day that the service tells."""
    return read_servers_usage(compute, "GRA11", BEGINS, ENDS, fleets=["api"])  # type: ignore[arg-type]  # what is asked of it


def test_a_resized_server_is_told_from_its_last_resize_on() -> None:
    """Nova tells today's flavour alone: what it had before was collected before."""
    actions = [
        {"action": "confirmResize", "start_time": "2026-11-23T12:30:00.000000"},
        {"action": "resize", "start_time": "2026-11-23T12:10:00.000000"},
        {"action": "resize", "start_time": "2026-11-21T08:00:00.000000"},
        {"action": "create", "start_time": "2026-11-20T09:58:00.000000"},
    ]
    (told,) = read_of(Told(a_usage(), {"instanceActions": actions}))
    assert (datetime(2026, 11, 23, 12, 10, tzinfo=UTC), ENDS) == (told.start, told.end)


def test_a_server_of_a_fleet_is_not_asked_for_its_actions() -> None:
    """It is never resized, and three hundred of them would be three hundred calls."""
    compute = Told(a_usage(name=f"api-{WAVE}-1"))
    (told,) = read_of(compute)
    assert (BEGINS - timedelta(days=2, hours=14), 1) == (told.start, len(compute.calls))


def test_a_clock_that_is_ahead_makes_no_negative_stay() -> None:
    """Nova's clock says that it began after our look."""
    (told,) = read_of(Told(a_usage(name=f"api-{WAVE}-1", started_at="2026-11-24T00:00:03.000000")))
    assert told.start == told.end


def test_a_listing_without_an_end_is_not_believed() -> None:
    """A service that links to the same page for ever."""
    compute = Told(a_usage(name=f"api-{WAVE}-1") | {"tenant_usage_links": ["more"]})
    with pytest.raises(Retryable, match="does not end"):
        read_of(compute)
    assert 100 == len(compute.calls)


def test_a_silent_nova_is_told(stage: Stage) -> None:
    """Usage that cannot be read is no usage of nothing."""
    rule = FaultRule(
        region="GRA11", service="compute", path_regex="tenant-usage", status=503, times=9
    )
    stage.sandbox.add_fault(rule)
    now = datetime.now(UTC)
    with pytest.raises(Retryable):
        stage.gra.servers_usage(now - HOUR, now, fleets=["api"])


def test_balancers_are_told_while_they_stand(stage: Stage) -> None:
    """From their creation until the look; the fleet's own is known by its pool."""
    now = datetime.now(UTC)
    (told,) = stage.gra.balancers_usage(now, [stage.fleet])
    assert (UsageKind.LOAD_BALANCER, "load-balancer", "api") == (told.kind, told.sku, told.fleet)
    assert told.start <= told.end == now
    (unknown,) = stage.gra.balancers_usage(now, [])
    assert unknown.fleet is None


def test_counters_of_the_balancer(stage: Stage) -> None:
    """Connections and errors since it began."""
    now = datetime.now(UTC)
    found = stage.gra.balancer_counters(stage.fleet, now)
    assert [(UsageKind.CONNECTIONS, 0), (UsageKind.REQUEST_ERRORS, 0)] == [
        (reading.kind, reading.total) for reading in found
    ]
