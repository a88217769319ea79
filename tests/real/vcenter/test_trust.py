"""Whom the connection believes, and who may log in."""

from pathlib import Path

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.vcenter.access import VCenter
from springtide.errors import Misconfigured
from springtide.model.core import VirtualMachineSize
from tests.real.vcenter.inventory import small_core
from tests.real.vcenter.simulator import HOST, Simulator, running_simulator

pytestmark = pytest.mark.real


def opened(simulator: Simulator, **changes: object) -> VCenter:
    """The access, with that in the estate."""
    core = simulator.core(**changes)
    audit = AuditLog(None, run="run", who="tests")
    return VCenter.open(core, audit, environment=simulator.environment)


TRUSTED = [
    pytest.param("ca_file", "authority", id="the authority that signed it"),
    pytest.param("certificate_file", "certificate", id="the certificate itself"),
]
REFUSED = [
    pytest.param("ca_file", "stranger", id="another authority of the same name"),
    pytest.param("certificate_file", "sibling", id="another certificate of the same authority"),
    pytest.param("certificate_file", "authority", id="the authority, pinned"),
    pytest.param("certificate_file", "stranger", id="a stranger, pinned"),
]


@pytest.mark.parametrize(("field", "name"), TRUSTED)
def test_what_the_estate_trusts_is_spoken_to(simulator: Simulator, field: str, name: str) -> None:
    """By authority or by pin, the inventory is read."""
    path = str(getattr(simulator.certificates, name))
    with opened(simulator, **{"ca_file": None, field: path}) as vcenter:
        assert 5 == len(vcenter.read().virtual_machines)


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
@pytest.mark.parametrize(("field", "name"), REFUSED)
def test_another_certificate_is_refused_before_anything_is_sent(
    tmp_path: Path, host: str, field: str, name: str
) -> None:
    """Not even at 127.0.0.1, where pyVmomi left alone verifies nothing."""
    with running_simulator(tmp_path / "vcenter", small_core(), host=host) as simulator:
        path = str(getattr(simulator.certificates, name))
        with (
            opened(simulator, **{"ca_file": None, field: path}) as vcenter,
            pytest.raises(Misconfigured, match="certificate"),
        ):
            vcenter.read()
        assert [] == simulator.calls()


def test_a_certificate_for_another_address_is_refused(tmp_path: Path) -> None:
    """An authority vouches for names: another server of its own is another server."""
    with running_simulator(
        tmp_path / "vcenter", small_core(), certified_for="127.0.0.3"
    ) as simulator:
        with (
            opened(simulator) as vcenter,
            pytest.raises(Misconfigured, match=r"127\.0\.0\.2"),
        ):
            vcenter.read()
        pin = str(simulator.certificates.certificate)
        with opened(simulator, ca_file=None, certificate_file=pin) as vcenter:
            assert 5 == len(vcenter.read().virtual_machines)


def test_a_wrong_password_is_refused_and_not_told(simulator: Simulator) -> None:
    """The credentials are named, and the password stays out of the message."""
    simulator.password = "a wrong guess"  # noqa: S105 - as it says
    with (
        opened(simulator) as vcenter,
        pytest.raises(Misconfigured, match="InvalidLogin") as refused,
    ):
        vcenter.read()
    assert "a wrong guess" not in str(refused.value)


def test_who_may_only_look_changes_nothing(simulator: Simulator) -> None:
    """A user without the privilege reads, and is refused at the first change."""
    simulator.user, simulator.password = "watcher", "another password"
    with opened(simulator) as vcenter:
        before = vcenter.virtual_machine("web-1")
        with pytest.raises(Misconfigured, match="NoPermission"):
            vcenter.resize(
                "web-1",
                VirtualMachineSize(vcpus=12, ram_mib=before.size.ram_mib),
                change_version=before.change_version,
                why="a test",
            )
        assert before == vcenter.virtual_machine("web-1")
