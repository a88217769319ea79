"""The contract of what is remembered on servers: failed checks, a reboot, a person's hold."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from springtide.errors import NotFound
from springtide.model.server import HealthMark, Server
from tests.contracts.stage import Contract, wait_until

AT = datetime(2026, 11, 23, 16, 0, 3, 125_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def listed(contract: Contract, server: Server) -> Server:
    """The server as a listing shows it now."""
    found = contract.region().list_servers(contract.fleet.name)
    return next(each for each in found if each.id == server.id)


def test_checks_reboot_and_hold_are_listed_with_the_server(contract: Contract) -> None:
    """Each is written, written anew and read back by the one listing; nothing else is changed."""
    order = contract.order(1)
    with contract.launched(order) as (server,):
        region = contract.region()
        assert (None, None, None) == (server.health, server.rebooted_at, server.held_until)
        for failed in (1, 2):
            assert 1 == region.write_checks([server.id], failed, AT)
            assert HealthMark(failed=failed, at=AT) == listed(contract, server).health
        for hours in (1, 2, 1):
            region.hold_server(server.id, until=AT + hours * HOUR, who="ada: its memory")
            held = listed(contract, server)
            until = (AT + hours * HOUR).replace(microsecond=0)
            assert (until, "ada: its memory") == (held.held_until, held.held_by)
        assert order.wave == held.wave
        for _ in range(2):
            region.release_server(server.id, who="ada: done")
        released = listed(contract, server)
        assert (None, "") == (released.held_until, released.held_by)
        assert order.wave == released.wave


def test_a_server_is_rebooted_and_active_again(contract: Contract) -> None:
    """It stands on the server, whose checks begin anew; when it first became ACTIVE stays."""
    order = contract.order(1)
    with contract.launched(order) as (server,):
        region = contract.region()
        region.write_checks([server.id], 3, AT)
        assert 1 == region.reboot_servers([server.id], "it is silent", AT)
        found = listed(contract, server)
        assert (AT, 0) == (found.rebooted_at, found.health.failed if found.health else None)
        wait_until(lambda: listed(contract, server).task_state is None)
        found = listed(contract, server)
        assert ("ACTIVE", server.launched_at) == (found.status, found.launched_at)


def test_a_server_that_is_gone_needs_nothing(contract: Contract) -> None:
    """Nova's 404 is a success for what healing does, and told where a person means a server."""
    region = contract.region()
    order = {"reboot": {"type": "HARD"}}
    path = f"/servers/{UNKNOWN}/action"
    answer = contract.raw("compute", path, method="POST", sent=order)
    assert httpx.codes.NOT_FOUND == answer.status_code
    assert 1 == region.write_checks([UNKNOWN], 1, AT)
    assert 1 == region.reboot_servers([UNKNOWN], "it is silent", AT)
    with pytest.raises(NotFound):
        region.hold_server(UNKNOWN, until=AT, who="ada: its memory")
