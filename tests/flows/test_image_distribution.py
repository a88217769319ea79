"""The distribution of the golden image on Prefect's own engine and the sandbox cloud."""

from datetime import timedelta

import pytest

from flows.image_distribution import distribute_image
from springtide.sandbox.faults import FaultRule
from tests.flows.evening import MONDAY_16H, Evening
from tests.sandbox.running import Api

GOLDEN = "api-iis-2026-11-23"
OTHERS = ("SBG5", "RBX1")


def put_image(evening: Evening, name: str = GOLDEN, content: bytes = b"golden" * 1000) -> None:
    """A new image in GRA11 alone, as who builds images would put it there."""
    api = Api(evening.sandbox)
    body = {"name": name, "disk_format": "raw", "container_format": "bare", "os_type": "windows"}
    made = api.image("POST", "/v2/images", body).json()["id"]
    api.image("PUT", f"/v2/images/{made}/file", content).raise_for_status()
    evening.sandbox.forget_calls()


def names(evening: Evening, region: str, query: str = "") -> list[str]:
    """The images that anybody sees there, the newest first."""
    listing = Api(evening.sandbox, region).image("GET", f"/v2/images{query}").json()
    return [image["name"] for image in listing["images"]]


def hidden(evening: Evening) -> list[str]:
    """The images of both other regions that nobody sees, by their status."""
    listings = (
        Api(evening.sandbox, region).image("GET", "/v2/images?os_hidden=true").json()
        for region in OTHERS
    )
    return [image["status"] for listing in listings for image in listing["images"]]


def abandon(evening: Evening, region: str, status: str) -> None:
    """What a run leaves that is killed: a hidden image of ours without content."""
    api = Api(evening.sandbox, region)
    body = {"name": GOLDEN, "os_hidden": True, "springtide_source_hash": "of an image"}
    made = api.image("POST", "/v2/images", body).json()["id"]
    evening.sandbox.control(
        lambda controls: controls._world.regions[region].images[made].update(status=status)  # noqa: SLF001 - no API sets it
    )


def test_the_newest_image_comes_to_every_region(evening: Evening) -> None:
    """Copied to both others; a second run finds it there and changes nothing."""
    put_image(evening)
    state = evening.run(distribute_image, source_region="GRA11")
    assert state.is_completed(), state.message
    assert [GOLDEN] * 2 == [names(evening, region)[0] for region in OTHERS]
    assert "copied and verified" in evening.artifact("image-api")
    assert [] == hidden(evening)
    evening.sandbox.forget_calls()
    again = evening.run(distribute_image, source_region="GRA11")
    assert again.is_completed(), again.message
    assert 0 == evening.changes()


def test_dry_run_shows_the_copies_and_changes_nothing(evening: Evening) -> None:
    """Each region with what it lacks."""
    put_image(evening)
    state = evening.run(distribute_image, source_region="GRA11", dry_run=True)
    assert "dry run" == state.message
    assert "no active image has the content of api-iis-2026-11-23" in evening.artifact("image-api")
    assert 0 == evening.changes()


def test_an_image_that_all_have_is_copied_nowhere(evening: Evening) -> None:
    """The sandbox's own images are the same everywhere."""
    state = evening.run(distribute_image, source_region="GRA11")
    assert state.is_completed(), state.message
    assert 0 == evening.changes()


@pytest.mark.parametrize("status", ["queued", "saving"])
def test_what_a_killed_run_left_is_removed_when_it_is_nobodys(
    evening: Evening, status: str
) -> None:
    """Below an hour another run may be making it; after that it goes, and the image comes."""
    abandon(evening, "SBG5", status)
    put_image(evening)
    evening.sandbox.set_clock(MONDAY_16H + timedelta(minutes=59))
    assert evening.run(distribute_image, source_region="GRA11").is_completed()
    assert [status] == hidden(evening)
    evening.sandbox.set_clock(MONDAY_16H + timedelta(minutes=61))
    assert evening.run(distribute_image, source_region="GRA11").is_completed()
    assert [] == hidden(evening)


def test_one_region_that_refuses_keeps_no_other_from_its_copy(evening: Evening) -> None:
    """The run fails and names the region; the other has the image."""
    put_image(evening)
    evening.sandbox.add_fault(FaultRule(service="image", region="SBG5", method="POST", status=403))
    state = evening.run(distribute_image, source_region="GRA11")
    assert state.is_failed()
    assert "SBG5: " in (state.message or "")
    assert "RBX1: " not in (state.message or "")
    assert GOLDEN == names(evening, "RBX1")[0]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"source_region": "UK1"}, "outside the residency"),
        ({"source_region": "GRA11", "fleet": "web"}, "no fleet 'web'"),
    ],
)
def test_wrong_input_is_refused(evening: Evening, parameters: dict[str, object], said: str) -> None:
    """Nothing is changed."""
    state = evening.run(distribute_image, **parameters)
    assert state.is_failed()
    assert said in (state.message or "")
    assert 0 == evening.changes()
