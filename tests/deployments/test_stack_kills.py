"""SIGKILL at the worst moments, on a whole stack: whoever comes next makes it good.

A request to the cloud is held just before or just after its effect, so that each kill comes at a
known moment; what is held goes on once its sender is dead, as it would in a real cloud.
"""

import time
from typing import Any

import httpx

from tests.deployments.rig import CLOSE, KEEP, OPEN, End, Rig, wait_until

SETTLED = End("COMPLETED", "Completed", "settled")
NOTHING_LEFT = {"servers": 0, "ports": 0, "members": 0}
OUTAGE_S = 5.0
TURN_S = 120.0


def kill_when_held(
    rig: Rig, started: str | tuple[str, dict[str, Any]], *held: str, when: str
) -> End:
    """Start the deployment, SIGKILL its flow while that request is held, and let this go on."""
    service, method, path_regex = held
    rig.hold(service, method, path_regex, when=when)
    deployment, parameters = (started, {}) if isinstance(started, str) else started
    run_id = rig.start(deployment, **parameters)
    rig.wait_held()
    rig.kill_flow(run_id)
    end = rig.end(run_id)
    rig.control("DELETE", "/faults")
    rig.free_turn()
    return end


def test_an_evening_killed_four_times(rig: Rig) -> None:
    """Each killed run is taken over by the next: all serve in the end, and nothing is left.

    Killed after a launch whose answer nobody heard; between looking and joining; while it drains;
    between leaving the pools and deleting.
    """
    launch = kill_when_held(rig, OPEN, "compute", "POST", "^/servers$", when="after")
    join = kill_when_held(rig, KEEP, "load-balancer", "PUT", "/members$", when="before")
    assert (SETTLED, (30, 30, 30)) == (rig.run(KEEP), rig.fleet())
    rig.stage.set_clock(rig.evening.claim_ends_at)
    drain = kill_when_held(rig, CLOSE, "load-balancer", "PUT", "/members$", when="after")
    delete = kill_when_held(rig, KEEP, "compute", "DELETE", "^/servers/", when="before")
    assert (SETTLED, (0, 0, 0)) == (rig.run(KEEP), rig.fleet())
    assert ["CRASHED"] * 4 == [end.kind for end in (launch, join, drain, delete)]
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
    asks again for about a minute); what it had told the cloud is done and not told again. The
    server knows after its restart who holds a slot: the run's lease is renewed, without which
    its engine would end it minutes later, and its turn at the fleet is free when it has ended.
    """
    rig.hold("compute", "POST", "^/servers$", when="after")
    run_id = rig.start(OPEN)
    rig.wait_held()
    lease = rig.lease(run_id)
    assert 1 == rig.turns_taken()
    rig.kill("server")
    rig.control("DELETE", "/faults")
    time.sleep(OUTAGE_S)
    rig.start_again("server")
    rig.wait_for_server()
    assert httpx.codes.NO_CONTENT == rig.renew(lease)
    assert SETTLED == rig.end(run_id)
    assert (30, 30, 30) == rig.fleet()
    wait_until(lambda: not rig.turns_taken(), "the turn is free", TURN_S)
