"""What the estate says of the private cloud, and what is refused in it."""

import pytest
from pydantic import ValidationError

from springtide.errors import GuardRefused, NotFound
from springtide.model.core import Core
from springtide.model.inventory import Datastore
from tests.planning.cores import inventory, machine

GIVEN = {"host": "192.0.2.7", "ca_file": "/etc/springtide/vcenter.pem", "clusters": ["core"]}

REFUSED = [
    pytest.param({"ca_file": None}, "one of ca_file and certificate_file", id="no trust"),
    pytest.param(
        {"certificate_file": "/etc/x.pem"}, "one of ca_file and certificate_file", id="both"
    ),
    pytest.param({"ca_file": "x.pem"}, "absolute path", id="a relative path"),
    pytest.param({"host": "https://vcenter"}, "host", id="a URL"),
    pytest.param({"password_env": "open sesame"}, "password_env", id="the password itself"),
    pytest.param({"clusters": []}, "clusters", id="no cluster"),
    pytest.param({"clusters": ["core", "core"]}, "given twice: core", id="a cluster twice"),
    pytest.param({"virtual_machines": ["a", "a"]}, "given twice: a", id="a machine twice"),
    pytest.param(
        {"datastore_limits": {"amber_share": 0.95}}, "amber_share is above", id="amber above red"
    ),
    pytest.param({"largest": {"vcpus": 8, "ram_mib": 1022}}, "multiple of 4", id="uneven memory"),
    pytest.param({"call_timeout_s": 14.9}, "15", id="no time for a call that waits"),
    pytest.param({"verify": False}, "verify", id="a way around"),
]


@pytest.mark.parametrize(("said", "expected"), REFUSED)
def test_a_mistake_is_named(said: dict[str, object], expected: str) -> None:
    """Each with what would be right, before anything is asked of vCenter."""
    with pytest.raises(ValidationError, match=expected):
        Core.model_validate(GIVEN | said)


def test_a_name_that_stands_twice_is_not_guessed() -> None:
    """Names are unique in a folder only."""
    twice = inventory(machine("web-1", id="vm-1"), machine("web-1", id="vm-2"), machine("web-2"))
    assert "web-2" == twice.virtual_machine("web-2").name
    with pytest.raises(GuardRefused, match="vm-1, vm-2"):
        twice.virtual_machine("web-1")
    with pytest.raises(NotFound):
        twice.virtual_machine("web-3")


@pytest.mark.parametrize(
    ("capacity", "free", "expected"), [(100, 25, 0.75), (100, 0, 1), (100, 100, 0), (0, 0, 1)]
)
def test_the_used_share_of_a_datastore(capacity: int, free: int, expected: float) -> None:
    """One that shows no capacity is full: nothing is put there."""
    found = Datastore(name="ssd-1", capacity_bytes=capacity, free_bytes=free)
    assert expected == found.used_share
