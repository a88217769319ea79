"""Ports that Nova left behind: only those of servers that are known to be gone."""

from springtide.sandbox.faults import ServerBehaviour
from tests.clouds.stage import Stage, wait_until


def test_only_ports_of_servers_that_are_gone_are_stray(stage: Stage) -> None:
    """Leaked ports are found by their servers and deleted; a standing server keeps its own."""
    stage.sandbox.add_behaviour(ServerBehaviour(leak_port=True))
    *leaking, standing = stage.launch(3)
    gone = [server.id for server in leaking]
    stage.gra.delete_servers(gone, "the window closes")
    wait_until(lambda: [standing] == list(stage.gra.list_servers("api")))
    stray = stage.gra.stray_ports(stage.fleet, gone)
    assert 2 == len(stray)
    stage.gra.delete_ports(stray)
    stage.gra.delete_ports(stray)
    assert () == stage.gra.stray_ports(stage.fleet, gone)
    assert standing.address is not None
    assert [standing] == list(stage.gra.list_servers("api"))


def test_without_servers_gone_there_is_no_stray_port(stage: Stage) -> None:
    """Ports of standing servers are never named."""
    stage.launch(2)
    assert () == stage.gra.stray_ports(stage.fleet, ())


def test_a_standing_server_keeps_its_port_whoever_takes_it_for_gone(stage: Stage) -> None:
    """A listing left it out for a moment: Nova is asked for it by its id before its port goes."""
    standing, *_ = stage.launch(2)
    stage.sandbox.forget_calls()
    assert () == stage.gra.stray_ports(stage.fleet, [standing.id, "gone-long-since"])
    assert 1 == stage.calls("GET", "/servers/")
