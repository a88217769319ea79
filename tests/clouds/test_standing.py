"""What stands in a region, whoever made it: servers, load balancers, and volumes of a Cinder."""

from datetime import UTC, datetime, timedelta

import pytest
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from springtide.clouds.limiter import Limiters
from springtide.clouds.openstack.service import Service
from springtide.clouds.openstack.standing import read_volumes
from springtide.clouds.openstack.usage import read_volumes_usage
from springtide.errors import NotFound
from springtide.model.fleet import RateLimit
from springtide.model.usage import UsageKind
from tests.clouds.scripted_server import scripted_server
from tests.clouds.stage import Stage, silent_audit, wait_until

MADE = datetime(2026, 11, 2, 9, 40, tzinfo=UTC)
VOLUMES = {
    "volumes": [
        {
            "id": "v-2",
            "name": None,
            "size": 103,
            "status": "available",
            "volume_type": "classic",
            "created_at": "2026-11-02T09:40:00.000000",
        },
        {
            "id": "v-1",
            "name": "scratch",
            "size": 10,
            "status": "in-use",
            "volume_type": None,
            "created_at": "2026-11-02T12:00:00.000000",
        },
    ]
}
"""As Cinder answers; without `volumes_links` it is the last page."""


def test_servers_and_balancers_stand(stage: Stage) -> None:
    """Those of the fleet by its tag and its pool, each since it was made."""
    stage.launch(2)
    wait_until(lambda: len(stage.gra.list_servers("api")) == 2)
    found = stage.gra.standing([stage.fleet])
    kinds = [(each.kind, each.fleet) for each in found]
    assert 2 == kinds.count((UsageKind.INSTANCE, "api"))
    assert 1 == kinds.count((UsageKind.LOAD_BALANCER, "api"))
    now = datetime.now(UTC)
    assert all(each.since and now - each.since < timedelta(hours=1) for each in found)


def test_a_balancer_of_nobody(stage: Stage) -> None:
    """Where no fleet has its pool it carries no mark of ours."""
    assert {None} == {each.fleet for each in stage.gra.standing([])}


def test_a_cloud_without_volumes(stage: Stage) -> None:
    """It says so, and has none."""
    assert () == stage.gra.volumes_usage(datetime.now(UTC))
    with pytest.raises(NotFound, match="no volume service is in the catalogue of GRA11"):
        stage.gra.standing_volumes()


@pytest.mark.parametrize(
    ("ends_at", "start"),
    [
        pytest.param(MADE + timedelta(hours=9), MADE, id="since it was made"),
        pytest.param(
            MADE - timedelta(hours=1), MADE - timedelta(hours=1), id="made after the look"
        ),
    ],
)
def test_volumes_of_a_cinder(ends_at: datetime, start: datetime) -> None:
    """Sizes in bytes, by id; one without a type is sold as `volume`."""
    answers = {"GET /volumes/detail?limit=1000": (200, VOLUMES)}
    with scripted_server(**answers) as server:
        auth = Token(server.url, "a token")
        adapter = Adapter(session=Session(auth=auth), service_type="volumev3")
        limiters = Limiters(RateLimit(requests_per_s=500, burst=100))
        volume = Service(adapter, "volumev3", "GRA11", limiters=limiters, audit=silent_audit())
        used, standing = read_volumes_usage(volume, "GRA11", ends_at), read_volumes(volume, "GRA11")
    assert [("v-1", "volume", 10 << 30), ("v-2", "volume.classic", 103 << 30)] == [
        (each.resource, each.sku, each.amount) for each in used
    ]
    assert (start, ends_at) == (used[1].start, used[1].end)
    assert [("v-1", "scratch", None), ("v-2", "", None)] == [
        (each.resource, each.name, each.fleet) for each in standing
    ]
