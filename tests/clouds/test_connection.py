"""The access to a cloud: credentials, residency, one token, and how few calls it takes."""

from pathlib import Path

import pytest

from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import GuardRefused, Misconfigured
from springtide.sandbox.process import Sandbox
from tests.clouds.stage import (
    REGIONS,
    Stage,
    a_fleet,
    an_estate,
    clouds_file,
    silent_audit,
    with_password,
)

MOST_CALLS_A_REGION = 9


def test_opening_a_fleet_takes_few_calls(sandbox: Sandbox, clouds_yaml: Path) -> None:
    """Token, discovery, names, image and room cost at most nine calls a region."""
    del clouds_yaml
    sandbox.reset()
    access, fleet = CloudAccess.open(an_estate(), silent_audit()), a_fleet()
    for region in REGIONS:
        cloud = access.region(region)
        cloud.resolve_pool(fleet)
        cloud.resolve_launch(fleet)
        cloud.matching_images(fleet.image)
        cloud.room(fleet)
    counted = sandbox.call_counts()
    assert sum(counted.values()) <= MOST_CALLS_A_REGION * len(REGIONS), counted


def test_names_are_looked_up_once(stage: Stage) -> None:
    """Resolving again makes no call."""
    stage.gra.resolve_pool(stage.fleet)
    stage.gra.resolve_launch(stage.fleet)
    before = stage.calls()
    stage.gra.resolve_pool(stage.fleet)
    stage.gra.resolve_launch(stage.fleet)
    assert before == stage.calls()


def test_one_token_serves_all_regions(stage: Stage) -> None:
    """No further token is fetched for any region."""
    for region in REGIONS:
        stage.access.region(region).list_servers("api")
    assert (0, 3) == (stage.calls("POST"), stage.pages())


def test_a_token_that_was_revoked_is_renewed(stage: Stage) -> None:
    """A 401 fetches a new token, once, and the call is made again."""
    stage.sandbox.revoke_tokens()
    assert () == stage.gra.list_servers("api")
    assert 1 == stage.calls("POST", "/auth/tokens")


@pytest.mark.parametrize("region", ["UK1", "gra11", ""])
def test_a_region_outside_the_residency_is_refused_without_a_call(
    stage: Stage, region: str
) -> None:
    """The gate names what is allowed and asks nobody."""
    with pytest.raises(GuardRefused, match="GRA11, SBG5, RBX1"):
        stage.access.region(region)
    assert 0 == stage.calls()


def test_a_region_that_the_catalogue_lacks_is_told(stage: Stage) -> None:
    """A region of the residency that the cloud does not have: what there is, is named."""
    access = CloudAccess.open(an_estate(residency=(*REGIONS, "PAR1")), silent_audit())
    stage.sandbox.forget_calls()
    with pytest.raises(Misconfigured, match="GRA11") as refused:
        access.region("PAR1")
    assert ("residency", 0) == (refused.value.field, stage.calls())


def test_refused_credentials_are_told(stage: Stage) -> None:
    """A wrong password is a matter of configuration; it is tried once."""
    wrong = with_password(stage.clouds_yaml, "wrong")
    with clouds_file(wrong), pytest.raises(Misconfigured) as refused:
        CloudAccess.open(an_estate(), silent_audit())
    assert 1 == stage.calls("POST", "/auth/tokens")
    assert "wrong" not in str(refused.value)


def test_a_cloud_that_is_not_in_the_file_is_told(stage: Stage) -> None:
    """The clouds that there are, are named; the only one is not taken instead."""
    with pytest.raises(Misconfigured, match="sandbox") as refused:
        CloudAccess.open(an_estate(cloud="production"), silent_audit())
    assert ("cloud", 0) == (refused.value.field, stage.calls())
