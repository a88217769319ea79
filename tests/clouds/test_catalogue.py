"""What the estate names, found in a region; the newest image; the room that is left."""

import pytest

from springtide.errors import Misconfigured, NotFound
from springtide.model.fleet import Fleet
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Case, Stage, a_fleet, a_fleet_region, case_name


class Wrong(Case):
    """A fleet that names what does not exist, and the field to be named."""

    fleet: Fleet
    field: str


WRONG = (
    Wrong(name="flavour", fleet=a_fleet(flavour="b9-60"), field="flavour"),
    Wrong(name="key pair", fleet=a_fleet(key_pair="nobody"), field="key_pair"),
    Wrong(
        name="security group",
        fleet=a_fleet(security_groups=("api", "nobody")),
        field="security_groups",
    ),
    Wrong(
        name="network", fleet=a_fleet(regions=(a_fleet_region(network="none"),)), field="network"
    ),
    Wrong(name="pool", fleet=a_fleet(regions=(a_fleet_region(pool="none"),)), field="pool"),
    Wrong(name="subnet", fleet=a_fleet(regions=(a_fleet_region(subnet="none"),)), field="subnet"),
)


def resolve(stage: Stage, fleet: Fleet) -> None:
    """Look up everything that the fleet names in GRA11."""
    stage.gra.resolve_pool(fleet)
    stage.gra.resolve_launch(fleet)


@pytest.mark.parametrize("case", WRONG, ids=case_name)
def test_what_does_not_exist_is_named_before_anything_changes(stage: Stage, case: Wrong) -> None:
    """The error names the field, and nothing but reads was sent."""
    with pytest.raises(Misconfigured) as refused:
        resolve(stage, case.fleet)
    assert case.field == refused.value.field.rpartition(".")[2]
    assert stage.calls("GET") == stage.calls()


def test_everything_that_exists_is_found(stage: Stage) -> None:
    """Key pair, groups and subnet by name; the flavour's size is read."""
    region = a_fleet_region(subnet="vrack")
    fleet = a_fleet(key_pair="springtide", security_groups=("default", "api"), regions=(region,))
    setup = stage.gra.resolve_launch(fleet)
    assert (16, 61_440) == (setup.vcpus, setup.ram_mib)
    assert stage.gra.resolve_pool(fleet).subnet_id is not None


def test_ids_are_as_good_as_names(stage: Stage) -> None:
    """What was found by its name is found by its id."""
    by_name = stage.gra.resolve_launch(stage.fleet)
    region = a_fleet_region(pool=stage.pool_id(), network=by_name.network_id)
    by_id = a_fleet(name="other", regions=(region,))
    assert by_name == stage.gra.resolve_launch(by_id)
    assert stage.pool_id() == stage.gra.resolve_pool(by_id).pool_id


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("api-iis-*", "api-iis-2026-11-16"),
        ("api-iis-2026-11-0?", "api-iis-2026-11-01"),
        ("API-*", None),
        ("api", None),
    ],
)
def test_the_newest_image_of_a_pattern(stage: Stage, pattern: str, expected: str | None) -> None:
    """The pattern meets the whole name, case counts, and it costs one call."""
    images = stage.gra.matching_images(pattern)
    assert expected == (images[0].name if images else None)
    assert 1 == stage.calls()


def test_headroom_is_quota_less_usage_in_servers(stage: Stage) -> None:
    """Cores, RAM, instances and ports count what everybody uses."""
    quota = SandboxQuota(instances=10, cores=100, ram_mib=8 * 61_440, ports=9)
    stage.sandbox.change_region("GRA11", RegionChange(quota=quota))
    stage.launch(2)
    room = stage.gra.room(stage.fleet).headroom
    assert (8, 4, 6, 7) == (room.instances, room.cores, room.ram, room.ports)
    assert (4, "cores") == (room.servers, room.binding)


@pytest.mark.parametrize("path", ["^/v2.0/quotas", "^/v2.0/"])
def test_a_limit_that_may_not_be_read_is_unknown(stage: Stage, path: str) -> None:
    """A 403 on what only administrators see is no error."""
    stage.gra.resolve_launch(stage.fleet)
    stage.sandbox.add_fault(FaultRule(service="network", path_regex=path, status=403))
    room = stage.gra.room(stage.fleet).headroom
    assert room.instances is not None
    assert room.ports is None


def test_a_pool_that_went_away_is_not_found(stage: Stage) -> None:
    """A pool that was deleted after it was found is told as such."""
    stage.gra.resolve_pool(stage.fleet)
    stage.sandbox.add_fault(FaultRule(service="load-balancer", method="GET", status=404))
    with pytest.raises(NotFound):
        stage.gra.list_members(stage.fleet)
