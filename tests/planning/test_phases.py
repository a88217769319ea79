"""In which phase a server is: by Nova's status, its membership, its answers and its deadlines."""

from datetime import datetime, timedelta

import pytest

from springtide.model.fleet import HealthCheck, Prober
from springtide.model.server import Member, Phase, Server
from springtide.model.snapshot import Headroom, RegionSnapshot
from springtide.planning.phases import Sighting, sight_region, stale_members
from tests.planning.fleet_world import START, a_fleet
from tests.planning.sightings import a_member, a_server

BOOT = ANSWER = timedelta(seconds=60)
"""The time-outs of the fleet."""
MOMENT = timedelta(microseconds=1)
BY_BALANCER = HealthCheck(port=80, prober=Prober.BALANCER)
BUILD: dict[str, object] = {"status": "BUILD", "launched_at": None}


def sighted(
    server: Server,
    *members: Member,
    at: datetime = START,
    answers: bool = False,
    health: HealthCheck | None = None,
) -> Sighting:
    """What the region's only server is seen as."""
    answering = frozenset({server.id} if answers else ())
    snapshot = RegionSnapshot(
        region="GRA11", servers=(server,), members=members, answering=answering
    )
    fleet = a_fleet(health=health or HealthCheck(port=80))
    return sight_region(snapshot, fleet, at)[0]


@pytest.mark.parametrize(
    ("server", "members", "answers", "phase"),
    [
        pytest.param(a_server(**BUILD), (), False, Phase.BUILDING, id="build"),
        pytest.param(a_server(), (), False, Phase.ACTIVE, id="active-and-silent"),
        pytest.param(a_server(), (), True, Phase.ANSWERING, id="active-and-answers"),
        pytest.param(a_server(), (a_member(),), False, Phase.SERVING, id="a-member"),
        pytest.param(
            a_server(),
            (a_member(provisioning_status="PENDING_CREATE"),),
            True,
            Phase.ANSWERING,
            id="joining",
        ),
        pytest.param(
            a_server(),
            (a_member(provisioning_status="PENDING_UPDATE"),),
            True,
            Phase.SERVING,
            id="its-member-changes",
        ),
        pytest.param(
            a_server(), (a_member(weight=0),), True, Phase.DRAINING, id="a-member-of-weight-0"
        ),
        pytest.param(
            a_server(),
            (a_member(weight=0, provisioning_status="PENDING_CREATE"),),
            True,
            Phase.DRAINING,
            id="drained-while-joining",
        ),
        pytest.param(
            a_server(),
            (a_member(provisioning_status="PENDING_DELETE"),),
            True,
            Phase.ANSWERING,
            id="a-member-that-leaves-is-none",
        ),
        pytest.param(
            a_server(), (a_member("s2"),), True, Phase.ANSWERING, id="a-member-for-another-server"
        ),
        pytest.param(
            a_server(),
            (a_member(ours=False),),
            True,
            Phase.ANSWERING,
            id="somebody-else-s-member-at-its-address",
        ),
        pytest.param(
            a_server(),
            (a_member(address="127.1.0.9"),),
            False,
            Phase.SERVING,
            id="its-member-at-another-address",
        ),
        pytest.param(a_server(task_state="deleting"), (), True, Phase.LEAVING, id="being-deleted"),
        pytest.param(
            a_server(status="ERROR", task_state="deleting"),
            (),
            False,
            Phase.LEAVING,
            id="in-error-and-being-deleted",
        ),
        pytest.param(a_server(status="DELETED"), (), False, Phase.LEAVING, id="deleted"),
        pytest.param(a_server(status="SOFT_DELETED"), (), False, Phase.LEAVING, id="soft-deleted"),
        pytest.param(a_server(status="REBOOT"), (a_member(),), False, Phase.SERVING, id="reboots"),
        pytest.param(
            a_server(status="REBUILD", created_at=START - 2 * BOOT),
            (a_member(),),
            False,
            Phase.SERVING,
            id="is-rebuilt-long-after-its-create",
        ),
        pytest.param(
            a_server(status="REBUILD", created_at=START - 2 * BOOT),
            (a_member(weight=0),),
            False,
            Phase.DRAINING,
            id="is-rebuilt-while-drained",
        ),
        pytest.param(a_server(status="UNKNOWN"), (), True, Phase.ANSWERING, id="unknown-status"),
    ],
)
def test_a_server_s_phase(
    server: Server, members: tuple[Member, ...], *, answers: bool, phase: Phase
) -> None:
    """Within all deadlines, what Nova and the pool say decides."""
    assert phase is sighted(server, *members, answers=answers).phase


@pytest.mark.parametrize(
    "status",
    ["ERROR", "SHUTOFF", "STOPPED", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"],
)
@pytest.mark.parametrize("members", [(), (a_member(weight=0),)], ids=["alone", "drained"])
def test_what_does_not_run_has_failed(status: str, members: tuple[Member, ...]) -> None:
    """At once and surely, where it does not serve; whether it is a member or not."""
    found = sighted(a_server(status=status), *members, answers=True)
    assert (Phase.FAILED, False) == (found.phase, found.opinion)
    assert members == ((found.member,) if found.member else ())
    assert f"Nova says {status}" == found.why


def test_nova_s_own_words_are_kept() -> None:
    """Where Nova says why, that is the reason."""
    assert "host died" == sighted(a_server(status="ERROR", fault="host died")).why


@pytest.mark.parametrize(
    ("changes", "at", "phase", "opinion"),
    [
        pytest.param(BUILD, START + BOOT, Phase.BUILDING, False, id="builds-to-its-deadline"),
        pytest.param(BUILD, START + BOOT + MOMENT, Phase.FAILED, False, id="builds-too-long"),
        pytest.param({}, START + ANSWER, Phase.ACTIVE, False, id="silent-to-its-deadline"),
        pytest.param({}, START + ANSWER + MOMENT, Phase.FAILED, True, id="silent-too-long"),
        pytest.param(
            {"launched_at": START + BOOT},
            START + BOOT + ANSWER,
            Phase.ACTIVE,
            False,
            id="silence-counts-from-active",
        ),
        pytest.param(
            {"launched_at": None},
            START + ANSWER + MOMENT,
            Phase.FAILED,
            True,
            id="or-from-the-create-where-that-is-not-told",
        ),
    ],
)
def test_deadlines(
    changes: dict[str, object], at: datetime, phase: Phase, *, opinion: bool
) -> None:
    """A deadline is kept up to its last moment; what is silent while ACTIVE is an opinion."""
    found = sighted(a_server(**changes), at=at)
    assert (phase, opinion) == (found.phase, found.opinion)


@pytest.mark.parametrize(
    ("at", "silent_for_long"), [(START + 2 * ANSWER, False), (START + 2 * ANSWER + MOMENT, True)]
)
def test_who_is_silent_for_long_is_taken_to_have_served(
    at: datetime, *, silent_for_long: bool
) -> None:
    """Twice its deadline after it became ACTIVE a silent server is no failed launch."""
    assert silent_for_long is sighted(a_server(), at=at).silent_for_long


def test_who_answers_late_answers() -> None:
    """An answer after the deadline is an answer."""
    late = START + timedelta(hours=1)
    assert Phase.ANSWERING is sighted(a_server(), at=late, answers=True).phase


@pytest.mark.parametrize(
    ("operating", "health", "at", "phase"),
    [
        pytest.param("ONLINE", BY_BALANCER, START, Phase.SERVING, id="online"),
        pytest.param("NO_MONITOR", BY_BALANCER, START, Phase.SERVING, id="no-monitor"),
        pytest.param("OFFLINE", BY_BALANCER, START, Phase.ANSWERING, id="not-checked-yet"),
        pytest.param("DRAINING", BY_BALANCER, START, Phase.ANSWERING, id="weight-given-back"),
        pytest.param("ERROR", BY_BALANCER, START, Phase.ACTIVE, id="error-while-it-starts"),
        pytest.param(
            "ERROR", BY_BALANCER, START + ANSWER + MOMENT, Phase.SERVING, id="error-for-once"
        ),
        pytest.param("OFFLINE", None, START, Phase.SERVING, id="not-checked-and-probed-by-us"),
        pytest.param("ERROR", None, START, Phase.SERVING, id="error-for-once-though-we-let-it-in"),
    ],
)
def test_what_the_balancer_says_of_a_member(
    operating: str, health: HealthCheck | None, at: datetime, phase: Phase
) -> None:
    """ONLINE serves; ERROR is given time to start where we did not look first; others wait."""
    member = a_member(operating_status=operating)
    found = sighted(a_server(), member, at=at, health=health)
    assert (phase, member) == (found.phase, found.member)


@pytest.mark.parametrize(
    ("changes", "phase"),
    [
        pytest.param({"held_until": START + MOMENT}, Phase.SERVING, id="held"),
        pytest.param({"held_until": START}, Phase.FAILED, id="held-no-more"),
        pytest.param({"rebooted_at": START - ANSWER}, Phase.ACTIVE, id="rebooted"),
        pytest.param({"rebooted_at": START - ANSWER - MOMENT}, Phase.FAILED, id="rebooted-in-vain"),
        pytest.param(
            {"status": "REBOOT", "updated_at": START - ANSWER}, Phase.ACTIVE, id="nova-reboots-it"
        ),
        pytest.param(
            {"status": "REBOOT", "updated_at": START - ANSWER - MOMENT},
            Phase.FAILED,
            id="nova-reboots-it-for-too-long",
        ),
        pytest.param(
            {
                "status": "REBUILD",
                "updated_at": START - ANSWER,
                "created_at": START - BOOT - MOMENT,
            },
            Phase.ACTIVE,
            id="nova-rebuilds-it",
        ),
        pytest.param(
            {"status": "REBUILD", "updated_at": START - ANSWER - MOMENT},
            Phase.FAILED,
            id="nova-rebuilds-it-for-too-long",
        ),
    ],
)
def test_who_is_worked_on_is_not_judged(changes: dict[str, object], phase: Phase) -> None:
    """A hold, a reboot and its patience keep a member from being sick, up to their last moment."""
    server = a_server(health={"failed": 3, "at": START}, **changes)
    assert phase is sighted(server, a_member(operating_status="ERROR"), at=START).phase


@pytest.mark.parametrize(
    ("status", "phase"), [("ACTIVE", Phase.SERVING), ("SHUTOFF", Phase.FAILED)]
)
def test_a_held_server_that_is_off_is_not_said_to_serve(status: str, phase: Phase) -> None:
    """A hold keeps it from being repaired; it does not make it well."""
    held = a_server(status=status, held_until=START + MOMENT)
    found = sighted(held, a_member(), at=START)
    assert (phase, True) == (found.phase, found.held)


def test_who_was_found_sick_and_left_its_pool_has_failed() -> None:
    """However young it is; what answers again is given another chance."""
    sick = a_server(health={"failed": 3, "at": START})
    assert Phase.FAILED is sighted(sick, at=START).phase
    assert Phase.ANSWERING is sighted(sick, at=START, answers=True).phase


@pytest.mark.parametrize(
    ("phase", "alive", "on_the_way"),
    [
        (Phase.BUILDING, True, True),
        (Phase.ACTIVE, True, True),
        (Phase.ANSWERING, True, True),
        (Phase.SERVING, True, False),
        (Phase.DRAINING, False, False),
        (Phase.LEAVING, False, False),
        (Phase.FAILED, False, False),
    ],
)
def test_who_counts(phase: Phase, *, alive: bool, on_the_way: bool) -> None:
    """Who serves or will, counts; who will by itself is on the way."""
    found = Sighting(a_server(), None, phase, "as the test says")
    assert (alive, on_the_way) == (found.alive, found.on_the_way)


def test_servers_are_seen_in_the_order_of_their_ids() -> None:
    """Whatever the order of the listing."""
    servers = tuple(a_server(server_id) for server_id in ("s3", "s1", "s2"))
    snapshot = RegionSnapshot(region="GRA11", servers=servers)
    found = sight_region(snapshot, a_fleet(), START)
    assert ["s1", "s2", "s3"] == [sighting.server.id for sighting in found]


@pytest.mark.parametrize(
    ("member", "is_stale"),
    [
        pytest.param(a_member("gone"), True, id="of-a-server-that-is-gone"),
        pytest.param(a_member("gone", weight=0), True, id="drained-of-a-server-that-is-gone"),
        pytest.param(a_member("s1"), False, id="of-a-server-that-stands"),
        pytest.param(a_member("gone", ours=False), False, id="somebody-else-s"),
        pytest.param(a_member(None), False, id="of-nobody-known"),
        pytest.param(
            a_member("gone", provisioning_status="PENDING_DELETE"), False, id="leaving-already"
        ),
    ],
)
def test_members_without_their_server_are_stale(member: Member, *, is_stale: bool) -> None:
    """Only ours, only of a server that is known and not there, and only once."""
    snapshot = RegionSnapshot(region="GRA11", servers=(a_server("s1"),), members=(member,))
    assert ((member,) if is_stale else ()) == stale_members(snapshot)


@pytest.mark.parametrize(
    ("members", "without"),
    [
        pytest.param(None, [], id="not-known"),
        pytest.param(0, [], id="as-many-places-as-are-to-join"),
        pytest.param(-1, ["s2"], id="one-too-many"),
        pytest.param(-3, ["s2", "s3", "s4"], id="three-too-many"),
        pytest.param(-9, ["s2", "s3", "s4", "s5"], id="all-of-them-too-many"),
    ],
)
def test_who_finds_no_place_in_the_pool_fails(members: int | None, without: list[str]) -> None:
    """Whoever is furthest from joining; no member, and nobody whom a person holds."""
    servers = (
        a_server("s1"),
        a_server("s2", **BUILD),
        a_server("s3"),
        a_server("s4"),
        a_server("s5"),
        a_server("s6", held_until=START + ANSWER),
    )
    snapshot = RegionSnapshot(
        region="GRA11",
        servers=servers,
        members=(a_member("s1"),),
        answering=frozenset({"s4", "s5", "s6"}),
        headroom=Headroom(members=members),
    )
    found = sight_region(snapshot, a_fleet(), START)
    assert without == [s.server.id for s in found if s.phase is Phase.FAILED]
    assert without == [s.server.id for s in found if s.placeless]


def test_those_who_go_already_make_place() -> None:
    """A deletion that takes its time has nobody else deleted in the next rounds."""
    servers = (a_server("s1", task_state="deleting"), a_server("s2"), a_server("s3"))
    snapshot = RegionSnapshot(region="GRA11", servers=servers, headroom=Headroom(members=-2))
    found = sight_region(snapshot, a_fleet(), START)
    assert ["s2"] == [s.server.id for s in found if s.placeless]
