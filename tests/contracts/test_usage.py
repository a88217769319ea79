"""What servers used, those that are gone included: as Nova's usage and actions tell it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contracts.answers import ID, UNKNOWN, USAGE_STAMP
from tests.contracts.stage import Contract, wait_until

DAY = timedelta(days=1)
NAIVE = "%Y-%m-%dT%H:%M:%S.%f"


def usage(contract: Contract, **params: object) -> dict[str, object]:
    """The answer of the last and the next day."""
    now = datetime.now(UTC)
    project = contract.service("compute").project_id
    span = {"start": (now - DAY).strftime(NAIVE), "end": (now + DAY).strftime(NAIVE)}
    path = f"/os-simple-tenant-usage/{project}"
    return contract.service("compute").get(path, **span, **params)


def all_usages(contract: Contract) -> list[dict[str, Any]]:
    """What every page tells: earlier tests' servers, which are gone, may fill the first."""
    found: list[dict[str, Any]] = []
    while True:
        marker = {"marker": found[-1]["instance_id"]} if found else {}
        told = usage(contract, **marker)["tenant_usage"]
        assert isinstance(told, dict)
        if not (page := told.get("server_usages", [])):
            return found
        found += page


def test_a_server_that_is_gone_is_told_with_its_actions(contract: Contract) -> None:
    """When it became ACTIVE and when it ended; create and delete, the newest first."""
    order = contract.order(1)
    with contract.launched(order) as (server,):
        pass
    wait_until(lambda: not contract.wave(order))
    now = datetime.now(UTC)
    found = contract.region().servers_usage(now - DAY, now + DAY, fleets=[])
    (told,) = (record for record in found if record.resource == server.id)
    assert (server.name, "win-b2-60") == (told.name, told.sku)
    assert told.start <= told.end <= now + timedelta(minutes=1)
    actions = contract.service("compute").get(f"/servers/{server.id}/os-instance-actions")
    assert ["delete", "create"] == [each["action"] for each in actions["instanceActions"]]


def test_the_shape_of_a_server_s_usage(contract: Contract) -> None:
    """Times are naive UTC with microseconds; one that stands has no end."""
    with contract.launched(contract.order(1)) as (server,):

        def told() -> list[dict[str, Any]]:
            return [each for each in all_usages(contract) if each["instance_id"] == server.id]

        wait_until(told)  # usage may be a moment behind the listing, in which it is ACTIVE
        (own,) = told()
    assert re.fullmatch(ID, own["instance_id"])
    assert re.fullmatch(USAGE_STAMP, own["started_at"])
    assert (None, "active", "win-b2-60") == (own["ended_at"], own["state"], own["flavor"])


def test_pages_go_on_by_the_last_server(contract: Contract) -> None:
    """A full page links to another; the marker is a server's id."""
    order = contract.order(2)
    with contract.launched(order):
        first = usage(contract, limit=1)
        told = first["tenant_usage"]
        assert isinstance(told, dict)
        (one,) = told["server_usages"]
        assert "tenant_usage_links" in first
        second = usage(contract, limit=1, marker=one["instance_id"])["tenant_usage"]
        assert isinstance(second, dict)
        assert one["instance_id"] < second["server_usages"][0]["instance_id"]


def test_another_parameter_is_refused(contract: Contract) -> None:
    """`detailed` is one of the listing over all projects."""
    project = contract.service("compute").project_id
    answer = contract.raw("compute", f"/os-simple-tenant-usage/{project}?detailed=1")
    assert (400, True) == (answer.status_code, "'detailed' was unexpected" in answer.text)


@pytest.mark.parametrize("start", ["2026-11-23T16:00:00Z", "2026-11-23T16:00:00+00:00", "today"])
def test_times_with_a_zone_are_refused(contract: Contract, start: str) -> None:
    """Nova knows none here."""
    project = contract.service("compute").project_id
    path = f"/os-simple-tenant-usage/{project}?start={start.replace('+', '%2B')}"
    assert 400 == contract.raw("compute", path).status_code


def test_an_unknown_server_has_no_actions(contract: Contract) -> None:
    """404, as for the server itself."""
    path = f"/servers/{UNKNOWN}/os-instance-actions"
    assert 404 == contract.raw("compute", path).status_code


def test_balancers_tell_since_when_they_stand(contract: Contract) -> None:
    """With a flavour or none, and the fleet's own is known by its pool."""
    now = datetime.now(UTC)
    found = contract.region().balancers_usage(now, [contract.fleet])
    assert contract.fleet.name in {record.fleet for record in found}
    assert [] == [record.resource for record in found if record.start > now]
