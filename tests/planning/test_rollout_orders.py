"""What may be asked of a rollout: which image, and which order counts."""

from datetime import timedelta

import pytest

from springtide.errors import GuardRefused
from springtide.model.claim import ClaimBook, Rollout
from springtide.model.server import Server
from springtide.model.snapshot import FleetSnapshot, Image, RegionSnapshot
from springtide.planning.rollout_orders import (
    PREVIOUS,
    image_asked_for,
    rollout_limitation,
    rollout_order,
)
from springtide.planning.round_input import RoundInput
from tests.planning.fleet_world import START, a_fleet, desired
from tests.planning.rollouts import NEW, OLD, a_rollout

LATER = START + timedelta(hours=1)


def retried(order: Rollout, *others: Rollout) -> str | None:
    """Why the order's run is refused that is retried two hours later, beside those others."""
    book = ClaimBook(rollouts=(order, *others))
    now = START + timedelta(hours=2)
    given = RoundInput(fleet=a_fleet(), desired=desired(30), book=book, now=now, run="ab12")
    asked: dict[str, object] = {
        field: getattr(order, field) for field in ("key", "owner", "reason")
    }
    snapshot = FleetSnapshot(fleet="api", at=now, regions=())
    return rollout_limitation(rollout_order(given, snapshot, asked=asked), given)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(None, id="alone"),
        pytest.param(a_rollout(OLD.name, starts_at=START - timedelta(hours=1)), id="of-before"),
        pytest.param(
            a_rollout(OLD.name, starts_at=LATER, ends_at=LATER + timedelta(minutes=9)), id="over"
        ),
        pytest.param(a_rollout(OLD.name, starts_at=LATER, fleet="web"), id="of-another-fleet"),
    ],
)
def test_a_run_that_is_retried_goes_on(other: Rollout | None) -> None:
    """Its order is the last one that holds."""
    assert retried(a_rollout(), *([other] if other else [])) is None


@pytest.mark.parametrize("image", [OLD, NEW])
def test_a_run_whose_order_is_no_longer_the_last_is_refused(image: Image) -> None:
    """What it would do is the later order's, whichever image that names."""
    later = a_rollout(image.name, key="rollout-api-later", starts_at=LATER, owner="grace")
    assert (
        f"a rollout of {image.name} was ordered since, at 16:00 UTC by grace: start a new run"
        == retried(a_rollout(), later)
    )


def a_region(name: str, images: dict[str, int], *standing: str) -> RegionSnapshot:
    """A region in which each image was made so many minutes after the start, and has servers."""
    found = (
        Image(id=f"{name}-{image}", name=image, created_at=START + timedelta(minutes=minutes))
        for image, minutes in images.items()
    )
    servers = tuple(
        Server(
            id=f"{name}-{number}",
            name=f"api-{number}",
            region=name,
            status="ACTIVE",
            image_id=f"{name}-{image}",
            created_at=START,
        )
        for number, image in enumerate(standing)
    )
    newest = sorted(found, key=lambda image: image.created_at, reverse=True)
    return RegionSnapshot(region=name, images=tuple(newest), servers=servers)


def asked_for(*regions: RegionSnapshot, image: str = PREVIOUS) -> str:
    """The image that a person gets who asks so."""
    snapshot = FleetSnapshot(fleet="api", at=START, regions=regions)
    return image_asked_for(snapshot, image, fleet=a_fleet())


ALL = {"api-0": 0, "api-1": 10, "api-2": 20}
COPIED = {"api-0": 5, "api-1": 15, "api-2": 50}
"""As Glance dates what was copied later."""


@pytest.mark.parametrize(
    ("first", "second", "previous"),
    [
        pytest.param((ALL, "api-2"), (ALL, "api-2"), "api-1", id="made-at-one-moment"),
        pytest.param((ALL, "api-2"), (COPIED, "api-2"), "api-1", id="copied-later"),
        pytest.param((COPIED, "api-2"), (ALL, "api-2"), "api-1", id="copied-to-the-first"),
        pytest.param((ALL, "api-1"), (COPIED, "api-2"), "api-1", id="halfway"),
        pytest.param((ALL, "api-1"), (COPIED, "api-1"), "api-0", id="of-the-one-in-use"),
        pytest.param(
            ({"api-0": 0, "api-1": 90, "api-2": 20}, "api-2"),
            (ALL, "api-2"),
            "api-1",
            id="brought-back-after-it",
        ),
        pytest.param((ALL,), (COPIED,), "api-1", id="nothing-stands"),
        pytest.param(
            ({"api-0": 0, "api-1": 10}, "api-2", "api-2"),
            ({"api-0": 5, "api-1": 15}, "api-2"),
            "api-1",
            id="the-bad-one-is-deactivated",
        ),
    ],
)
def test_the_image_before(
    first: tuple[dict[str, int], *tuple[str, ...]],
    second: tuple[dict[str, int], *tuple[str, ...]],
    previous: str,
) -> None:
    """The one made before the newest that a server has, whenever a region got its copy."""
    assert previous == asked_for(a_region("GRA11", *first), a_region("SBG5", *second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"api-0": 0, "api-1": 10}, {"api-0": 5, "api-1": 15}, id="in-no-region"),
        pytest.param({"api-0": 0, "api-1": 10}, COPIED, id="in-one-region"),
    ],
)
def test_the_image_before_is_not_guessed(first: dict[str, int], second: dict[str, int]) -> None:
    """Some servers' image can be dated and others' cannot: which is newer is not known."""
    regions = a_region("GRA11", first, "api-2", "api-1"), a_region("SBG5", second, "api-2", "api-1")
    with pytest.raises(GuardRefused, match=r"not active everywhere.*name one.*api-1, api-0"):
        asked_for(*regions)


def test_the_newest_image_is_that_of_the_first_copies() -> None:
    """An old image that is copied anew is no new one."""
    late = {"api-0": 0, "api-1": 90, "api-2": 20}
    assert "api-2" == asked_for(a_region("GRA11", late), a_region("SBG5", ALL), image="")
    with pytest.raises(GuardRefused, match="no such image is in every region"):
        asked_for(a_region("GRA11", {"api-0": 0}, "api-0"), a_region("SBG5", ALL, "api-0"))
