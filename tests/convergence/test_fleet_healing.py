"""Healing on the sandbox: what is asked of the cloud, what is left alone, runs that are killed."""

from collections import Counter
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from springtide.cli import app
from springtide.model.outcome import Ending, Outcome
from springtide.planning.telling import broken_promise
from springtide.sandbox.records import Server
from tests.convergence.stage import OPENS_AT, REGIONS, Stage, a_window
from tests.convergence.test_killed import Kill, command, held_fields

QUICK = {"sick_after_checks": 3, "check_interval_s": 0.2}
MEMBERS = "/v2.0/lbaas/pools/{pool_id}/members"
METADATA = "/servers/{server_id}/metadata"


def standing(stage: Stage, servers: int = 9, **healing: object) -> None:
    """So many servers serve, and are checked in quick succession."""
    stage.write(window=a_window(servers=servers), healing={**QUICK, **healing})
    assert Ending.SETTLED is stage.open().ending
    stage.assert_stands(servers)
    stage.sandbox.forget_calls()


def one_of(stage: Stage, region: str = "GRA11") -> Server:
    """A server of that region."""
    return stage.servers(region)[0]


def balancer_says(stage: Stage, region: str) -> set[str]:
    """The operating statuses of that region's members."""
    hand = stage.hand()
    members = hand.observer.cloud(region).list_members(hand.estate.fleet("api"))
    return {member.operating_status for member in members}


def did(outcome: Outcome) -> Counter[str]:
    """How many servers or members were changed by each kind of action."""
    kinds = ("mark", "reboot", "launch", "join", "drain", "leave", "delete")
    return Counter({kind: n for kind in kinds if (n := outcome.changed(kind))})


def test_a_well_fleet_is_asked_nothing_for_its_servers(stage: Stage) -> None:
    """A round of a well fleet is one listing and one pool for each region, however many serve."""
    standing(stage)
    outcome = stage.converge()
    assert (Ending.SETTLED, ()) == (outcome.ending, outcome.rounds)
    called = stage.sandbox.call_counts()
    assert {"GET"} == {key.method for key in called if key.service != "identity"}
    assert not [key for key in called if "{server_id}" in key.path]
    assert 3 == stage.calls("GET", "/servers/detail") == stage.calls("GET", MEMBERS)


@pytest.mark.parametrize(
    ("kill", "written"),
    [("crash", 3), ("fail", 3), ("shut_off", 3)],
    ids=["silent", "in-error", "switched-off"],
)
def test_a_dead_server_is_replaced_in_one_run(stage: Stage, kill: str, written: int) -> None:
    """Three checks are written on it; its successor serves before it leaves; nothing is left."""
    standing(stage)
    victim = one_of(stage)
    getattr(stage.sandbox, f"{kill}_server")(victim.id)
    # Until its balancer sees it too it may still get requests, and would be drained.
    stage.wait_until(lambda: "ERROR" in balancer_says(stage, "GRA11"))
    outcome = stage.converge()
    assert (Ending.SETTLED, ()) == (outcome.ending, outcome.alarms)
    assert {"mark": written, "launch": 1, "join": 1, "leave": 1, "delete": 1} == did(outcome)
    assert written == stage.calls("POST", METADATA)
    stage.assert_stands(9)
    assert victim.id not in {server.id for server in stage.servers()}
    kinds = [a.kind for each in outcome.rounds for a in each.plan.actions]
    assert kinds.index("launch") < kinds.index("join") < kinds.index("leave")
    stage.assert_leaves_nothing()


def test_a_silent_server_is_rebooted_and_serves_again(stage: Stage) -> None:
    """With a ladder it is rebooted first, once; nothing is made and nothing deleted."""
    standing(stage, reboot_first=True)
    victim = one_of(stage)
    stage.sandbox.crash_server(victim.id)
    outcome = stage.converge()
    assert (Ending.SETTLED, {"mark": 3, "reboot": 1}) == (outcome.ending, did(outcome))
    stage.assert_stands(9)
    assert ["reboot", "create"] == [each.action for each in one_of_id(stage, victim.id).actions]
    stage.sandbox.crash_server(victim.id)
    stage.sandbox.advance_clock(21)
    again = stage.converge()
    assert 1 == did(again)["delete"]
    assert victim.id not in {server.id for server in stage.servers()}
    stage.assert_stands(9)


def one_of_id(stage: Stage, server_id: str) -> Server:
    """The server of that id."""
    return next(server for server in stage.servers() if server.id == server_id)


def test_a_reply_that_is_lost_reboots_nobody_twice(stage: Stage) -> None:
    """The reboot was done and its reply lost: the next rounds wait for it, and do not repeat it."""
    standing(stage, reboot_first=True)
    victim = one_of(stage)
    stage.sandbox.crash_server(victim.id)
    stage.hold("POST", "/action$", effect="drop", when="after", times=1)
    outcome = stage.converge()
    assert Ending.SETTLED is outcome.ending
    assert 1 == stage.calls("POST", "/servers/{server_id}/action")
    stage.assert_stands(9)


def test_the_storm_of_a_region_changes_nothing(stage: Stage) -> None:
    """All servers of a region are silent and Nova says ACTIVE: one witness, one alarm, no more."""
    standing(stage)
    for server in stage.servers("SBG5"):
        stage.sandbox.crash_server(server.id)
    stage.wait_until(lambda: {"ERROR"} == balancer_says(stage, "SBG5"))
    outcome = stage.converge()
    assert (Ending.SETTLED, {"mark": 3}) == (outcome.ending, did(outcome))
    seen = "SBG5: our probe and the balancer say that all 3 members are down"
    assert [seen] == [alarm[: len(seen)] for alarm in outcome.alarms]
    assert 9 == len(stage.servers())
    stage.sandbox.forget_calls()
    assert [seen] == [alarm[: len(seen)] for alarm in stage.converge().alarms]
    assert 0 == stage.calls("POST", METADATA)


def test_the_storm_of_all_changes_nothing(stage: Stage) -> None:
    """Everybody is silent at once: nothing is killed, and the alarm says who saw it."""
    standing(stage)
    for server in stage.servers():
        stage.sandbox.crash_server(server.id)
    outcome = stage.converge()
    assert (Ending.SETTLED, {"mark": 3}) == (outcome.ending, did(outcome))
    assert "9 of 9 members fail their checks (Nova: 0, our probe: 9" in outcome.alarms[0]
    assert 9 == len(stage.servers())


def test_the_command_line_tells_a_storm(stage: Stage) -> None:
    """Where Prefect tells nobody the alarm is printed, and the command ends with 1."""
    standing(stage)
    for server in stage.servers():
        stage.sandbox.crash_server(server.id)
    given = ("fleet", "converge", "api", "--no-stored-claims", "--estate", str(stage.estate_file))
    ended = CliRunner().invoke(app, given)
    assert 1 == ended.exit_code, ended.output
    assert "9 of 9 members fail their checks (Nova: 0, our probe: 9" in ended.stderr
    assert 9 == len(stage.servers())


def test_a_server_that_is_held_is_left_alone(stage: Stage) -> None:
    """Held over its death and over the window's end; released, it goes like the others."""
    standing(stage, 3)
    hand = stage.hand()
    held = one_of(stage)
    cloud = hand.observer.cloud("GRA11")
    for _ in range(2):
        cloud.hold_server(held.id, until=OPENS_AT + timedelta(hours=9), who="ada: its memory")
    stage.sandbox.crash_server(held.id)
    outcome = stage.converge()
    assert (Ending.SETTLED, ()) == (outcome.ending, outcome.rounds)
    assert f"GRA11: {held.name} is held by ada: its memory until 2026-11-24 00:00 UTC" in (
        outcome.last.told
    )
    closed = stage.close()
    assert (Ending.SETTLED, [held.id]) == (closed.ending, [s.id for s in stage.servers()])
    for _ in range(2):
        cloud.release_server(held.id, who="ada: done")
    stage.assert_leaves_nothing()


def test_successors_that_die_again_are_not_made_for_ever(stage: Stage) -> None:
    """Whoever is launched is killed as soon as it serves: after some generations it ends."""
    standing(stage, back_off_s=0.2, most_generations=2)
    first = {server.id for server in stage.servers()}
    stage.sandbox.crash_server(min(first))

    def kill(_line: str) -> None:
        joined = {t for m in stage.members() for t in m.settings.tags}
        for server in stage.servers():
            if server.id not in first and f"springtide:server:{server.id}" in joined:
                stage.sandbox.crash_server(server.id)

    outcome = stage.converge(say=kill)
    assert {f"{region}:" for region in REGIONS} == {a.split()[0] for a in outcome.alarms}
    assert Ending.SETTLED is outcome.ending
    # Three generations a region, some of them twins.
    assert 3 <= outcome.changed("launch") <= 18
    assert "died since" in (broken_promise(outcome) or "")
    assert first - {min(first)} <= {server.id for server in stage.servers()}
    again = stage.calls("POST", "/servers")
    assert outcome.changed("launch") == again


KILLS = {
    "after-the-first-check": Kill(
        rule={"method": "POST", "path_regex": "/metadata$"}, when="after"
    ),
    "with-the-launch-under-way": Kill(rule={"method": "POST", "path_regex": "^/servers$"}),
    "between-leaving-and-deleting": Kill(rule={"method": "DELETE", "path_regex": "^/servers/"}),
}


@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS.keys())
def test_a_killed_healing_is_taken_over(stage: Stage, kill: Kill) -> None:
    """A run dies at that point; the next one goes on with its checks, and replaces but one."""
    standing(stage)
    victim = one_of(stage)
    stage.sandbox.crash_server(victim.id)
    stage.hold(kill.rule["method"], kill.rule["path_regex"], **held_fields(kill))
    with command(stage) as process:
        for _ in range(kill.at - 1):
            stage.sandbox.release(stage.sandbox.wait_for_hold().id)
        stage.sandbox.wait_for_hold()
        process.kill()
        process.wait(10)
    stage.sandbox.clear_faults()
    assert Ending.SETTLED is stage.converge().ending
    stage.assert_stands(9)
    assert 1 == stage.calls("POST", "/servers")
    assert 3 <= stage.calls("POST", METADATA) <= 4
    assert victim.id not in {server.id for server in stage.servers()}
    stage.assert_leaves_nothing()


def test_regions_are_where_the_servers_were(stage: Stage) -> None:
    """One dies in each region: each gets its own successor."""
    standing(stage, 30)
    for region in REGIONS:
        stage.sandbox.fail_server(one_of(stage, region).id)
    assert Ending.SETTLED is stage.converge().ending
    assert dict.fromkeys(REGIONS, 10) == {r: stage.serving(r) for r in REGIONS}
