"""SIGKILL at the worst moments, on a whole stack: whoever comes next makes it good.

A request to the cloud is held just before or just after its effect, so that each kill comes at a
known moment; what is held goes on once its sender is dead, as it would in a real cloud.
"""

import time

from tests.deployments.rig import CLOSE, KEEP, OPEN, End, Rig

SETTLED = End("COMPLETED", "Completed", "settled")
NOTHING_LEFT = {"servers": 0, "ports": 0, "members": 0}
OUTAGE_S = 5.0
OUTAGE_END_S = 60.0


def kill_when_held(rig: Rig, deployment: str, *held: str, when: str) -> str:
    """Start the deployment, SIGKILL its flow while that request is held, and let this go on."""
    service, method, path_regex = held
    rig.hold(service, method, path_regex, when=when)
    run_id = rig.start(deployment)
    rig.wait_held()
    rig.kill_flow(run_id)
    end = rig.end(run_id)
    rig.control("DELETE", "/faults")
    rig.free_turn()
    return end.kind


def test_an_opening_killed_twice(rig: Rig) -> None:
    """Killed after a launch that nobody heard the answer of, then between look and join."""
    first = kill_when_held(rig, OPEN, "compute", "POST", "^/servers$", when="after")
    assert "CRASHED" == first
    second = kill_when_held(rig, KEEP, "load-balancer", "PUT", "/members$", when="before")
    assert "CRASHED" == second
    assert (SETTLED, (30, 30, 30)) == (rig.run(KEEP), rig.fleet())


def test_a_closing_killed_twice(rig: Rig) -> None:
    """Killed while it drains, then between leaving the pools and deleting: nothing is left."""
    assert (SETTLED, (30, 30, 30)) == (rig.run(OPEN), rig.fleet())
    rig.stage.set_clock(rig.evening.claim_ends_at)
    first = kill_when_held(rig, CLOSE, "load-balancer", "PUT", "/members$", when="after")
    assert "CRASHED" == first
    second = kill_when_held(rig, KEEP, "compute", "DELETE", "^/servers/", when="before")
    assert "CRASHED" == second
    assert SETTLED == rig.run(KEEP)
    assert NOTHING_LEFT == rig.stage.left_behind()


def test_worker_and_flow_killed_together(rig: Rig) -> None:
    """The server ends the zombie by its silence; a new worker's keeping opens the window."""
    with rig.quick_zombies(10):
        rig.hold("compute", "POST", "^/servers$", when="after")
        run_id = rig.start(OPEN)
        rig.wait_held()
        rig.kill("worker")
        rig.control("DELETE", "/faults")
        assert "RUNNING" == rig.state(run_id).kind
        zombie = rig.end(run_id)
    rig.start_again("worker")
    assert "CRASHED" == zombie.kind
    assert "no heartbeat" in zombie.message
    rig.free_turn()
    assert (SETTLED, (30, 30, 30)) == (rig.run(KEEP), rig.fleet())


def test_the_server_is_killed_while_a_window_opens(rig: Rig) -> None:
    """The very run opens the window: it waits for Prefect's answer and goes on from there.

    While the server is away the flow stands still at its next question to it (Prefect's client
    asks again for about a minute); what it had told the cloud is done and not told again.
    """
    rig.hold("compute", "POST", "^/servers$", when="after")
    run_id = rig.start(OPEN)
    rig.wait_held()
    rig.kill("server")
    rig.control("DELETE", "/faults")
    time.sleep(OUTAGE_S)
    rig.start_again("server")
    rig.wait_for_server()
    assert SETTLED == rig.end(run_id, OUTAGE_END_S)
    assert (30, 30, 30) == rig.fleet()
