"""A surge's rehearsal: what it is made of, and what its sandbox says of a real surge."""

from datetime import timedelta
from decimal import Decimal

import pytest

from springtide.errors import GuardRefused
from springtide.model.outcome import Ending, Outcome
from springtide.model.plan import RoundPlan, Shortfall, Wait
from springtide.model.readiness import Check, CloudReport, CredentialReport, Quota, Trouble
from springtide.model.rehearsal import (
    BootRange,
    Measures,
    RehearsalReport,
    RehearsalSettings,
    RehearsedServer,
    Sightings,
)
from springtide.model.server import Server
from springtide.model.snapshot import Headroom
from springtide.planning.surge_rehearsal import (
    measures_of,
    real_times,
    rehearsal_report,
    rehearsal_rows,
    rehearsal_settings,
    rehearsal_summary,
)
from springtide.pricing.surge_cost import surge_cost
from tests.planning.fleet_world import START, desired
from tests.planning.reports import a_credential, a_region, regions
from tests.planning.surges import a_request, a_surging_fleet
from tests.planning.test_startup_times import a_note

NOTHING = Measures()


def a_server(boot_s: float | None) -> Server:
    """A server whose boot took so long; None: it is not ACTIVE yet."""
    return Server(
        id="s",
        name="api-1",
        region="GRA11",
        status="ACTIVE",
        image_id="i",
        created_at=START,
        launched_at=None if boot_s is None else START + timedelta(seconds=boot_s),
    )


def measured(*boots_s: float, **changes: object) -> Measures:
    """What regions changed alike, and servers with these boots, come to."""
    report = CloudReport(at=START, credential=a_credential(), regions=regions(**changes))
    return measures_of(report, [a_server(boot_s) for boot_s in boots_s])


def settings(measures: Measures = NOTHING, **given: object) -> RehearsalSettings:
    """What is rehearsed with what was said."""
    return rehearsal_settings(a_surging_fleet(), a_request(), given, measures)


def test_the_room_is_what_is_left_and_what_stands() -> None:
    """Each limit in servers, by the flavour's size; one without a limit is unknown."""
    found = measured(
        servers=3,
        instances=Quota(limit=20, used=5),
        cores=Quota(limit=100, used=20),
        ram_mib=None,
        ports=Quota(limit=None),
        addresses=Quota(limit=4, used=4),
        members=Quota(limit=10),
    )
    room = Headroom(instances=18, cores=8, ram=None, ports=None, addresses=3, members=13)
    assert dict.fromkeys(("GRA11", "SBG5", "RBX1"), room) == found.rooms


@pytest.mark.parametrize(
    ("trouble", "lacking"),
    [
        pytest.param(Check.IMAGE, {"GRA11": "gone"}, id="what a launch needs"),
        pytest.param(Check.ANSWER, {"GRA11": "gone"}, id="the region"),
        pytest.param(Check.CORES, {}, id="a limit that may not be read"),
    ],
)
def test_what_is_lacking_bars_a_region(trouble: Check, lacking: dict[str, str]) -> None:
    """As it does for readiness."""
    report = a_region(troubles=(Trouble(check=trouble, detail="gone"),))
    cloud = CloudReport(at=START, credential=a_credential(), regions=(report,))
    assert lacking == measures_of(cloud, ()).lacking


def test_refused_credentials_measure_nothing() -> None:
    """Better none than a rehearsal without limits."""
    cloud = CloudReport(at=START, credential=CredentialReport(refused="expired"))
    with pytest.raises(GuardRefused, match="nothing can be measured: expired"):
        measures_of(cloud, ())


@pytest.mark.parametrize(
    ("boots_s", "boot"),
    [
        pytest.param((10, 11, 12, 13), None, id="too few"),
        pytest.param((10, 11, 12, 13, 20.5), BootRange(least_s=10, most_s=21), id="enough"),
        pytest.param((-1, 1, 1, 1, 1), BootRange(least_s=0, most_s=1), id="two clocks"),
    ],
)
def test_boots_are_measured_on_what_stands(
    boots_s: tuple[float, ...], boot: BootRange | None
) -> None:
    """From the quickest to the slowest."""
    assert boot == measured(*boots_s).boot


@pytest.mark.parametrize(
    ("standing", "remembered", "boot"),
    [
        pytest.param(0, 4, None, id="too few remembered"),
        pytest.param(0, 100, BootRange(least_s=1, most_s=95), id="95 % of those remembered"),
        pytest.param(5, 100, BootRange(least_s=30, most_s=30), id="what stands counts before"),
    ],
)
def test_boots_are_remembered_where_nothing_stands(
    standing: int, remembered: int, boot: BootRange | None
) -> None:
    """A rehearsal before noon knows yesterday's boots."""
    note = a_note(*range(11, 11 + remembered))
    cloud = CloudReport(at=START, credential=a_credential())
    assert boot == measures_of(cloud, [a_server(30)] * standing, [note]).boot


def test_a_server_that_boots_tells_nothing() -> None:
    """Its boot is not over."""
    cloud = CloudReport(at=START, credential=a_credential())
    assert measures_of(cloud, [a_server(None)] * 9).boot is None


@pytest.mark.parametrize(
    ("given", "known", "least_s", "most_s"),
    [
        pytest.param({}, BootRange(least_s=20, most_s=30), 20, 30, id="as measured"),
        pytest.param(
            {"boot_least_s": 5, "boot_most_s": 6}, BootRange(least_s=20, most_s=30), 5, 6, id="said"
        ),
        pytest.param({"boot_most_s": 9}, None, 9, 9, id="its other end"),
        pytest.param(
            {"boot_least_s": 40}, BootRange(least_s=20, most_s=30), 40, 40, id="its other end above"
        ),
    ],
)
def test_boots_are_as_said_else_as_measured(
    given: dict[str, object], known: BootRange | None, least_s: float, most_s: float
) -> None:
    """One end that is said moves the other, where that was not said."""
    found = settings(Measures(boot=known), **given)
    assert BootRange(least_s=least_s, most_s=most_s) == found.boot
    assert (not given) == found.boot_measured


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"boot_most_s": 60}, "boot_most_s: given 60, must be below", id="boots"),
        pytest.param({"answer_s": 60, "boot_most_s": 9}, "answer_s: given 60", id="answers"),
        pytest.param({"boot_least_s": 2, "boot_most_s": 1}, "is above boot_most_s 1", id="order"),
        pytest.param({"boot_most_s": 9, "speed": 101}, "speed: given 101", id="speed"),
        pytest.param({"boot_most_s": 9, "quota": {"LON1": 1}}, "quota: given LON1", id="region"),
        pytest.param({"boot_most_s": 9, "colour": "red"}, "colour", id="unknown field"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(given: dict[str, object], why: str) -> None:
    """The field is named, with what is allowed."""
    with pytest.raises(GuardRefused, match=why):
        settings(NOTHING, **given)


def test_a_quota_that_is_said_stands_for_what_was_measured() -> None:
    """Also where the region would be left out."""
    rooms = {"GRA11": Headroom(cores=1), "SBG5": Headroom(cores=0)}
    known = Measures(rooms=rooms, lacking={"RBX1": "no image"})
    found = settings(known, boot_most_s=9, quota={"RBX1": 7})
    assert rooms | {"RBX1": Headroom(instances=7)} == found.rooms
    assert {"SBG5": "quota of cores"} == found.lacking


def test_no_room_at_all_is_refused() -> None:
    """Each region says why."""
    known = Measures(lacking={"GRA11": "no image", "SBG5": "no answer"})
    with pytest.raises(GuardRefused, match="GRA11: no image; SBG5: no answer; RBX1: quota of"):
        settings(known, boot_most_s=9, quota={"RBX1": 0})


def rehearsed(
    region: str, after_s: float, *, boot_s: float = 1, canary: bool = False
) -> RehearsedServer:
    """A server that served so long after the start."""
    return RehearsedServer(region=region, boot_s=boot_s, served_after_s=after_s, canary=canary)


def report(
    *servers: RehearsedServer, given: RehearsalSettings | None = None, last: RoundPlan | None = None
) -> RehearsalReport:
    """The report on a rehearsal at which these served."""
    plan = RoundPlan(fleet="rehearsal-api", at=START, desired=desired(20), phases={})
    outcome = Outcome(
        fleet="rehearsal-api",
        ending=Ending.SETTLED,
        began_at=START,
        ended_at=START,
        seconds=1,
        first=plan,
        last=last or plan,
    )
    seen = Sightings.model_validate({"servers": servers, "calls": {"compute": 3}, "seconds": 9})
    fleet = a_surging_fleet()
    cost = surge_cost(fleet, servers=20, hours=3)
    given = given or settings(boot_most_s=9, speed=1)
    return rehearsal_report(given, fleet, seen, outcome=outcome, cost=cost)


@pytest.mark.parametrize(
    ("speed", "answer_s", "times"),
    [
        pytest.param(1, 5, {"GRA11": [3.0, 4.0], "SBG5": [5.0]}, id="in real time"),
        pytest.param(10, 0, {"GRA11": [12.0, 22.0], "SBG5": [14.0]}, id="ten times as quick"),
        pytest.param(10, 5, {"GRA11": [16.5, 26.5], "SBG5": [18.5]}, id="with its answer"),
    ],
)
def test_boots_are_put_back_to_their_length(
    speed: float, answer_s: float, times: dict[str, list[float]]
) -> None:
    """Nine tenths of each boot and answer were spared; all else is as it was."""
    servers = [rehearsed("GRA11", 4, boot_s=2), rehearsed("GRA11", 3), rehearsed("SBG5", 5)]
    given = settings(boot_most_s=9, speed=speed, answer_s=answer_s)
    assert times == real_times(servers, given)


def test_a_canarys_boot_is_before_its_regions_others() -> None:
    """And before no other region's."""
    servers = [
        rehearsed("GRA11", 2, boot_s=2, canary=True),
        rehearsed("GRA11", 4),
        rehearsed("SBG5", 4),
    ]
    given = settings(boot_most_s=9, speed=10, answer_s=0, proven=False)
    found = real_times(servers, given)
    assert {"GRA11": [20.0, 4.0 + 9.0 + 18.0], "SBG5": [13.0]} == found


def test_the_times_to_so_many() -> None:
    """The first, half, 95 % and all of those that were asked for; each region's own."""
    servers = [rehearsed("GRA11", n) for n in range(1, 19)]
    found = report(*servers, rehearsed("SBG5", 30), rehearsed("RBX1", 40))
    assert (1, 10, 30, 40, 40) == (
        found.first_s,
        found.half_s,
        found.most_s,
        found.all_s,
        found.last_s,
    )
    assert [("GRA11", 18, 1, 18), ("RBX1", 1, 40, 40), ("SBG5", 1, 30, 30)] == [
        (r.region, r.serving, r.first_s, r.all_s) for r in found.regions
    ]
    assert found.shortfall is None
    assert "all 20 serve after 40 s" == rehearsal_summary(found)


@pytest.mark.parametrize(
    ("quota", "last", "reason"),
    [
        pytest.param({"GRA11": 1, "SBG5": 5}, {}, "GRA11: quota of instances", id="what is full"),
        pytest.param(
            {},
            {"shortfall": Shortfall(servers=18, reason="RBX1: no host")},
            "RBX1: no host",
            id="what the plan says",
        ),
        pytest.param({}, {"waits": (Wait(reason="booting"),)}, "booting", id="what is waited for"),
        pytest.param({}, {}, "time was up", id="nothing else"),
    ],
)
def test_a_shortfall_says_why(quota: dict[str, int], last: dict[str, object], reason: str) -> None:
    """So many never served, and times that were not reached are no times."""
    base = {"fleet": "rehearsal-api", "at": START, "desired": desired(20), "phases": {}}
    found = report(
        rehearsed("GRA11", 80),
        rehearsed("SBG5", 7),
        given=settings(boot_most_s=9, speed=1, quota=quota),
        last=RoundPlan.model_validate(base | last),
    )
    assert Shortfall(servers=18, reason=reason) == found.shortfall
    assert (7, None, None, 80) == (found.first_s, found.half_s, found.all_s, found.last_s)
    assert f"2 of 20 serve after 1 min 20 s; {reason}" == rehearsal_summary(found)


def test_nothing_serves() -> None:
    """A rehearsal at which no server came up is told like any other."""
    found = report()
    assert "0 of 20 serve; time was up" == rehearsal_summary(found)
    assert "none; no known limit" == value(found, "in GRA11")
    assert "never" == value(found, "first one serves")


def test_the_table_has_the_figures() -> None:
    """Times, regions, cost, what goes beyond, calls, and what it was made under."""
    given = rehearsal_settings(
        a_surging_fleet(),
        a_request(servers=51),
        {"boot_least_s": 8, "boot_most_s": 9, "quota": {"GRA11": 1}, "speed": 2},
        NOTHING,
    )
    found = report(rehearsed("GRA11", 70, boot_s=4), given=given)
    assert found.cost is not None
    assert Decimal(10) == found.cost.per_hour
    assert {
        "first one serves": "1 min 15 s",
        "26 serve (half)": "never",
        "servers that serve": "1 of 51",
        "in GRA11": "1: the first after 1 min 15 s, the last after 1 min 15 s;"
        " room for 1, quota of instances",
        "cost an hour, without VAT": "10.00 EUR",
        "beyond what is authorised": "servers 51 are more than the 50 authorised",
        "calls to compute, as rehearsed": 3,
        "boots": "8 to 9 s, assumed",
        "image": "has served before",
        "rehearsed in": "9 s, boots 2 times as quick",
    }.items() <= {row["measure"]: row["value"] for row in rehearsal_rows(found)}.items()


def value(found: RehearsalReport, measure: str) -> str | int:
    """The value of one row."""
    return next(row["value"] for row in rehearsal_rows(found) if row["measure"] == measure)
