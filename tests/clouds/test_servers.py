"""Servers: waves by one call, lost replies looked up and never repeated, listings, deletions."""

import base64

import pytest

from springtide.clouds.openstack.servers import LaunchReceipt, belongs_in_listing
from springtide.clouds.openstack.service import Body
from springtide.errors import CapacityExhausted, Misconfigured, ReplyLost, Retryable
from springtide.model.plan import Launch
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import ForeignServer, RegionChange
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from tests.clouds.stage import FLEET_TAG, Case, Stage, a_fleet, a_launch, case_name

CREATE = {"service": "compute", "method": "POST", "path_regex": "^/servers$", "times": 1}


def an_order(stage: Stage, servers: int = 3) -> Launch:
    """A wave of the newest image."""
    image = stage.gra.matching_images(stage.fleet.image)[0]
    return a_launch(servers, image_id=image.id)


def test_a_wave_is_one_call(stage: Stage) -> None:
    """All servers of a wave come by one POST and are listed with what they are."""
    servers = stage.launch(3, zone="nova")
    assert 1 == stage.calls("POST")
    assert 3 == len(servers)
    first = servers[0]
    assert ("ACTIVE", "b2-60", "nova") == (first.status, first.flavour, first.zone)
    assert first.launched_at is not None
    assert first.created_at.tzinfo is not None
    assert {s.address for s in servers} == {f"127.21.0.{n}" for n in (2, 3, 4)}
    assert all(s.name.startswith("api-gra11-20261123t160003-ab12-3-16-") for s in servers)


def test_what_a_fleet_says_of_its_servers_is_asked_for(stage: Stage) -> None:
    """Tags, metadata, key pair, groups, zone, user data and image reach Nova."""
    fleet = a_fleet(key_pair="springtide", config_drive=True, tags=("cost:eleve",))
    order = an_order(stage, servers=1)
    stage.gra.launch(fleet, order, "#ps1\nécole")
    world = stage.sandbox.world
    [server] = stage.sandbox.control(lambda _: list(world.regions["GRA11"].servers.values()))
    assert {
        "springtide",
        "springtide:fleet:api",
        f"springtide:wave:{order.wave}",
        "cost:eleve",
    } == set(server.tags)
    assert {"springtide_fleet": "api", "springtide_wave": order.wave} == server.metadata
    assert ("springtide", ("api",)) == (server.key_name, server.security_groups)
    assert server.config_drive
    assert "#ps1\nécole" == base64.b64decode(server.user_data or "").decode()


@pytest.mark.parametrize(
    ("shown", "listed"),
    [
        pytest.param({"status": "ACTIVE", "tags": ["x", FLEET_TAG]}, True, id="ours"),
        pytest.param({"status": "ERROR", "tags": [FLEET_TAG]}, True, id="ours in error"),
        pytest.param({"status": "UNKNOWN"}, True, id="its cell is down"),
        pytest.param({"status": "ACTIVE", "tags": ["x"]}, False, id="no longer ours"),
        pytest.param({"status": "SOFT_DELETED", "tags": [FLEET_TAG]}, False, id="kept deleted"),
    ],
)
def test_which_servers_a_listing_has_to_show(shown: Body, *, listed: bool) -> None:
    """By what Nova shows of each by its id."""
    assert listed is belongs_in_listing(shown, FLEET_TAG)


class Lost(Case):
    """A fault of a create that had its effect all the same."""

    fault: dict[str, object]


LOST = (
    Lost(name="connection closed", fault={"effect": "drop"}),
    Lost(name="500", fault={"status": 500}),
    Lost(name="502", fault={"status": 502}),
    Lost(name="503", fault={"status": 503}),
    Lost(name="504", fault={"status": 504}),
    Lost(name="no reply in time", fault={"effect": "hold"}),
)


@pytest.mark.parametrize("case", LOST, ids=case_name)
def test_a_lost_reply_is_looked_up_and_never_sent_again(stage: Stage, case: Lost) -> None:
    """The wave was made: it is found by its tag, by one POST in all."""
    order = an_order(stage)
    stage.gra.resolve_launch(stage.fleet)
    stage.sandbox.add_fault(FaultRule.model_validate({**CREATE, "when": "after", **case.fault}))
    receipt = stage.gra.launch(stage.fleet, order, None)
    assert LaunchReceipt(accepted=3, looked_up=True) == receipt
    assert 1 == stage.calls("POST", "/servers")


@pytest.mark.parametrize("fault", [{"effect": "drop"}, {"status": 500}], ids=["closed", "500"])
def test_a_reply_lost_before_any_effect_is_told(stage: Stage, fault: dict[str, object]) -> None:
    """The wave is not there after a few looks: told, and still not sent again."""
    order = an_order(stage)
    stage.sandbox.add_fault(FaultRule.model_validate({**CREATE, "when": "before", **fault}))
    with pytest.raises(ReplyLost):
        stage.gra.launch(stage.fleet, order, None)
    assert (1, 0) == (stage.calls("POST", "/servers"), len(stage.gra.list_servers("api")))
    assert 2 <= stage.pages() <= 6


@pytest.mark.parametrize(
    "quota",
    [SandboxQuota(instances=2), SandboxQuota(cores=32), SandboxQuota(ports=2)],
    ids=["instances", "cores", "ports"],
)
def test_a_quota_without_room_is_told_as_such(stage: Stage, quota: SandboxQuota) -> None:
    """A wave beyond the quota makes nothing and is not repeated."""
    order = an_order(stage)
    stage.sandbox.change_region("GRA11", RegionChange(quota=quota))
    with pytest.raises(CapacityExhausted) as refused:
        stage.gra.launch(stage.fleet, order, None)
    assert ("quota", "GRA11") == (refused.value.kind, refused.value.region)
    assert 1 == stage.calls("POST")


def test_a_create_that_is_refused_as_wrong_is_told(stage: Stage) -> None:
    """An image that does not exist is no passing trouble."""
    with pytest.raises(Misconfigured):
        stage.gra.launch(
            stage.fleet, a_launch(image_id="00000000-0000-4000-8000-000000000000"), None
        )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_rate_limit_is_waited_for(stage: Stage, method: str) -> None:
    """A 429 did nothing: creates and reads alike are repeated after the time advised."""
    order = an_order(stage)
    rule = FaultRule(service="compute", method=method, status=429, retry_after_s=1, times=1)
    stage.sandbox.add_fault(rule)
    stage.gra.launch(stage.fleet, order, None)
    assert 3 == len(stage.gra.list_servers("api"))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_that_fails_in_passing_is_repeated(stage: Stage, status: int) -> None:
    """Two failures of a listing are not seen by its caller."""
    rule = FaultRule(service="compute", method="GET", status=status, times=2)
    stage.sandbox.add_fault(rule)
    assert () == stage.gra.list_servers("api")
    assert 3 == stage.pages()


def test_a_read_that_keeps_failing_is_given_up(stage: Stage) -> None:
    """The repetitions are bounded."""
    stage.sandbox.add_fault(FaultRule(service="compute", method="GET", effect="drop"))
    with pytest.raises(Retryable):
        stage.gra.list_servers("api")
    assert 2 <= stage.pages() <= 8


def test_a_listing_of_many_pages_has_each_server_once(stage: Stage) -> None:
    """Twelve servers, five a page: three pages."""
    stage.launch(12)
    stage.sandbox.forget_calls()
    servers = stage.gra.list_servers("api")
    assert (12, 12, 3) == (len(servers), len({s.id for s in servers}), stage.pages())


@pytest.mark.parametrize(("servers", "pages"), [(4, 1), (5, 2), (6, 2)])
def test_a_listing_follows_links_alone(stage: Stage, servers: int, pages: int) -> None:
    """A page that is just full links to another, which is empty."""
    stage.launch(servers)
    stage.sandbox.forget_calls()
    assert servers == len(stage.gra.list_servers("api"))
    assert pages == stage.pages()


def test_only_the_fleets_own_servers_are_listed(stage: Stage) -> None:
    """Other people's servers, and other fleets', are not seen."""
    stage.sandbox.add_server(ForeignServer(region="GRA11", name="other"))
    other = ForeignServer(region="GRA11", name="b", tags=("springtide", "springtide:fleet:api2"))
    stage.sandbox.add_server(other)
    assert () == stage.gra.list_servers("api")


def test_a_wave_without_hosts_is_seen_in_error(stage: Stage) -> None:
    """NoValidHost comes after the yes, as the servers' fault."""
    stage.sandbox.add_behaviour(ServerBehaviour(error="NoValidHost", times=1))
    servers = stage.launch(3)
    assert [True] * 3 == [server.no_valid_host for server in servers]


def test_deleting_is_done_once_and_may_be_asked_twice(stage: Stage) -> None:
    """Servers that are gone already are a success; others stay."""
    *doomed, kept = stage.launch(6)
    ids = [server.id for server in doomed]
    first = stage.gra.delete_servers(ids, "the window closes")
    assert [kept.id] == _standing(stage)
    second = stage.gra.delete_servers(ids, "the window closes")
    assert (5, 5) == (first.accepted, second.accepted)


def test_one_deletion_that_fails_does_not_stop_the_others(stage: Stage) -> None:
    """The failure is told after all were asked for."""
    servers = stage.launch(4)
    stage.sandbox.add_fault(FaultRule(service="compute", method="DELETE", status=500, times=1))
    receipt = stage.gra.delete_servers([server.id for server in servers], "the window closes")
    assert receipt.accepted == 3
    assert "500" in str(receipt.refused)
    assert (4, 1) == (stage.calls("DELETE"), len(_standing(stage)))


def _standing(stage: Stage) -> list[str]:
    """Ids of the servers that nobody has asked to delete."""
    return [s.id for s in stage.gra.list_servers("api") if s.task_state != "deleting"]
