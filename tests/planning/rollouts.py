"""Builders for the tests of rollouts: two images, a fleet of the old one, and an order."""

from collections import Counter
from datetime import timedelta

from springtide.model.claim import Rollout
from springtide.model.snapshot import Image
from tests.planning.fleet_world import START, FleetWorld, a_fleet, desired

OLD = Image(id="image-1", name="api-1", created_at=START)
NEW = Image(id="image-2", name="api-2", created_at=START + timedelta(hours=1))


def a_rollout(image: str = NEW.name, **changes: object) -> Rollout:
    """A rollout of that image that holds for long, three at a time, changed as asked."""
    base: dict[str, object] = {
        "key": f"rollout-api-{image}",
        "fleet": "api",
        "image": image,
        "max_surge": 3,
        "starts_at": START,
        "ends_at": START + timedelta(days=3),
        "owner": "ada",
        "reason": "a fix of the login",
    }
    return Rollout.model_validate(base | changes)


def an_old_fleet(servers: int = 30, **changes: object) -> FleetWorld:
    """So many servers of the old image serve, and the new image is there."""
    world = FleetWorld(fleet=a_fleet(**changes), images=(OLD,))
    world.settle(desired(servers))
    world.images = (NEW, OLD)
    return world


def by_image(world: FleetWorld) -> dict[str, int]:
    """How many servers stand of each image."""
    return dict(Counter(server.image_id for server in world.servers.values()))
