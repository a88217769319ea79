"""Tokens and the catalogue: what is refused before any call, and what is renewed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from keystoneauth1.session import Session

from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import GuardRefused, Misconfigured
from tests.clouds.stage import clouds_file, silent_audit
from tests.contracts.grounds import CLOUD, REGIONS, connect
from tests.contracts.stage import FLEET, Contract, an_estate, opened


@pytest.mark.parametrize("name", ["UK1", "gra11", ""])
def test_a_region_outside_the_residency_is_refused(contract: Contract, name: str) -> None:
    """The gate names what is allowed."""
    with pytest.raises(GuardRefused, match="GRA11, SBG5"):
        contract.access.region(name)


def test_a_region_that_the_catalogue_lacks_is_told(contract: Contract) -> None:
    """Beside what there is: no other region is taken instead."""
    access = opened(contract.ground, an_estate(residency=(*REGIONS, "PAR1")))
    with pytest.raises(Misconfigured, match="GRA11, SBG5") as refused:
        access.region("PAR1")
    assert "residency" == refused.value.field


def test_a_wrong_password_is_a_matter_of_configuration(contract: Contract, tmp_path: Path) -> None:
    """It is tried once, and not told again."""
    content = yaml.safe_load(contract.ground.clouds_yaml.read_text(encoding="utf-8"))
    content["clouds"][CLOUD]["auth"]["password"] = "quite-wrong"  # noqa: S105 - it is wrong
    wrong = tmp_path / "clouds.yaml"
    wrong.write_text(yaml.safe_dump(content), encoding="utf-8")
    contract.control.forget_calls()
    with clouds_file(wrong), pytest.raises(Misconfigured) as refused:
        CloudAccess.open(an_estate(), silent_audit())
    assert 1 == contract.control.calls("POST", "/auth/tokens")
    assert "quite-wrong" not in str(refused.value)


def test_one_token_serves_all_regions_and_services(contract: Contract) -> None:
    """A token is fetched at the opening, and never again."""
    contract.control.forget_calls()
    access = opened(contract.ground)
    for name in REGIONS:
        access.region(name).list_servers(FLEET)
        access.region(name).resolve_pool(contract.fleet)
        access.region(name).matching_images(contract.fleet.image)
    assert 1 == contract.control.calls("POST", "/auth/tokens")


def _unknown(session: Session) -> None:
    """As after Keystone's keys have been rotated away: nobody knows the token any more."""
    auth: Any = session.auth
    state = json.loads(auth.get_auth_state())
    state["auth_token"] = "gAAAAABforgotten"  # noqa: S105 - it is none
    auth.set_auth_state(json.dumps(state))


def _revoked(session: Session) -> None:
    token = session.get_token()
    headers = {"X-Subject-Token": token}
    session.delete("/auth/tokens", endpoint_filter=IDENTITY, headers=headers)


IDENTITY = {"service_type": "identity", "interface": "public", "version": (3, 0)}


@pytest.mark.parametrize("lose", [_unknown, _revoked])
def test_a_token_that_is_worthless_is_renewed(
    contract: Contract, lose: Callable[[Session], None]
) -> None:
    """A 401 fetches one new token, and the call is made again."""
    session = connect(contract.ground.clouds_yaml, "GRA11").session
    access = CloudAccess(an_estate(), session, "public", silent_audit())
    region = access.region("GRA11")
    lose(session)
    contract.control.forget_calls()
    region.list_servers(FLEET)
    assert 1 == contract.control.calls("POST", "/auth/tokens")
    assert 2 == contract.control.calls("GET", "/servers/detail")
