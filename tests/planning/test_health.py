"""Whether a member is well: who may complain, what counts as a check, how many make it sick."""

from datetime import datetime, timedelta

import pytest

from springtide.model.fleet import Fleet, HealthCheck, Prober
from springtide.model.healing import Signal
from springtide.model.server import HealthMark
from springtide.model.snapshot import RegionSnapshot
from springtide.planning.health import complaints_about, found_sick, judge_health, said_of
from tests.planning.fleet_world import START, a_fleet
from tests.planning.sightings import a_member, a_server

INTERVAL = timedelta(seconds=10)
"""The least between two checks that count."""
MOMENT = timedelta(microseconds=1)
PROBE = frozenset({Signal.PROBE})
NOBODY = frozenset[Signal]()


def listening_to(*signals: Signal, prober: Prober = Prober.SPRINGTIDE) -> Fleet:
    """A fleet whose estate listens to these."""
    health = HealthCheck(port=80, prober=prober)
    return a_fleet(health=health, healing={"signals": signals, "check_interval_s": 10})


@pytest.mark.parametrize(
    ("changes", "operating", "answers", "fleet", "complaining"),
    [
        pytest.param({}, "ONLINE", True, listening_to(*Signal), set(), id="all-well"),
        pytest.param({}, "NO_MONITOR", True, listening_to(*Signal), set(), id="nobody-checks"),
        pytest.param({}, "OFFLINE", True, listening_to(*Signal), set(), id="not-checked-yet"),
        pytest.param({}, "ERROR", True, listening_to(*Signal), {Signal.BALANCER}, id="balancer"),
        pytest.param({}, "ONLINE", False, listening_to(*Signal), {Signal.PROBE}, id="probe"),
        pytest.param(
            {"status": "ERROR"}, "ONLINE", True, listening_to(*Signal), {Signal.NOVA}, id="nova"
        ),
        pytest.param({"status": "SHUTOFF"}, "ERROR", False, listening_to(*Signal), set(Signal),
                     id="all"),
        pytest.param({}, "ERROR", False, listening_to(Signal.NOVA), set(), id="to-nova-alone"),
        pytest.param(
            {"status": "ERROR"}, "ERROR", True, listening_to(Signal.PROBE), set(),
            id="to-our-probe-alone",
        ),
        pytest.param({"status": "ERROR"}, "ERROR", False, listening_to(), set(), id="to-nobody"),
        pytest.param(
            {}, "ONLINE", False, listening_to(*Signal, prober=Prober.BALANCER), set(),
            id="our-probe-reaches-nobody",
        ),
    ],
)  # fmt: skip
def test_who_complains(
    changes: dict[str, object], operating: str, fleet: Fleet, complaining: set[Signal], *,
    answers: bool,
) -> None:  # fmt: skip
    """Each of the three, where the estate listens to it."""
    server, member = a_server(**changes), a_member(operating_status=operating)
    snapshot = RegionSnapshot(
        region="GRA11",
        servers=(server,),
        members=(member,),
        probed=frozenset({server.id}),
        answering=frozenset({server.id} if answers else ()),
    )
    assert complaining == complaints_about(server, member, snapshot, fleet)


def test_who_was_not_asked_is_not_silent() -> None:
    """A server that our probe did not ask has not failed to answer."""
    snapshot = RegionSnapshot(region="GRA11", servers=(a_server(),))
    assert NOBODY == complaints_about(a_server(), a_member(), snapshot, listening_to(*Signal))


@pytest.mark.parametrize(
    ("before", "complaints", "now", "failed", "due"),
    [
        pytest.param(None, NOBODY, START, 0, False, id="always-well"),
        pytest.param(0, NOBODY, START, 0, False, id="well-again-since"),
        pytest.param(2, NOBODY, START, 0, True, id="well-now"),
        pytest.param(None, PROBE, START, 1, True, id="first"),
        pytest.param(0, PROBE, START, 1, True, id="first-again"),
        pytest.param(1, PROBE, START + INTERVAL - MOMENT, 1, False, id="too-soon"),
        pytest.param(1, PROBE, START + INTERVAL, 2, True, id="second"),
        pytest.param(2, PROBE, START + timedelta(hours=1), 3, True, id="third-after-a-pause"),
        pytest.param(3, PROBE, START + INTERVAL, 3, False, id="sick-already"),
    ],
)
def test_checks_in_a_row(
    before: int | None, complaints: frozenset[Signal], now: datetime, failed: int, *, due: bool
) -> None:
    """What stands on the server is counted on from check to check, until one finds it well."""
    mark = None if before is None else HealthMark(failed=before, at=START)
    fleet = listening_to(*Signal)
    found = judge_health(a_server(health=mark), complaints, fleet, now)
    assert (failed, due) == (found.failed, found.due)
    assert (failed == 3) is found.sick(fleet)


@pytest.mark.parametrize(("failed", "sick"), [(None, False), (2, False), (3, True)])
def test_what_stands_on_a_server(failed: int | None, *, sick: bool) -> None:
    """Enough failed checks say that it was found sick."""
    mark = None if failed is None else HealthMark(failed=failed, at=START)
    assert sick is found_sick(a_server(health=mark), listening_to(*Signal))


def test_all_complaints_are_told() -> None:
    """In Nova's own words, where it has some."""
    server = a_server(status="ERROR", fault="host died")
    health = judge_health(server, frozenset(Signal), listening_to(*Signal), START)
    expected = "host died, it does not answer our probe, the balancer says that it is down"
    assert expected == said_of(health, server)
