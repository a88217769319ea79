"""Images copied between regions of the sandbox: streamed, verified, and unseen until then."""

import hashlib
import os

import pytest

from springtide.clouds.openstack.images import COPY_OF, ImageStore
from springtide.errors import GuardRefused, Misconfigured, NotFound, Retryable, SpringtideError
from springtide.model.image import StoredImage
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage
from tests.sandbox.running import Api

PATTERN = "golden-*"
CONTENT = os.urandom(3 * (1 << 20) + 17)
HASH = hashlib.sha512(CONTENT).hexdigest()
PROPERTIES = {
    "os_type": "windows",
    "hw_disk_bus": "virtio",
    "img_config_drive": "mandatory",
    "img_signature_certificate_uuid": "of the source's key manager",
    "base_image_ref": "of the source's snapshots",
    "min_disk": 50,
}


@pytest.fixture
def golden(stage: Stage) -> StoredImage:
    """An image of some mebibytes that GRA11 alone has."""
    api = Api(stage.sandbox)
    body = {"name": "golden-1", "disk_format": "qcow2", "container_format": "bare", **PROPERTIES}
    made = api.image("POST", "/v2/images", body).json()["id"]
    api.image("PUT", f"/v2/images/{made}/file", CONTENT).raise_for_status()
    stage.sandbox.forget_calls()
    return stage.gra.images.show_image(made)


def target(stage: Stage) -> ImageStore:
    """The region that lacks it."""
    return stage.access.region("SBG5").images


def copies(stage: Stage) -> list[dict[str, object]]:
    """Every image of SBG5 that carries our property, as a plain client lists it."""
    api = Api(stage.sandbox, "SBG5")
    listings = (api.image("GET", f"/v2/images?os_hidden={is_so}") for is_so in ("true", "false"))
    found = (image for listing in listings for image in listing.json()["images"])
    return [image for image in found if COPY_OF in image]


def test_a_copy_is_the_same_image(stage: Stage, golden: StoredImage) -> None:
    """Content, name, formats and what servers start by are the source's; it is shown."""
    copy = target(stage).copy_image(golden, stage.gra.images)
    assert (golden.content, "golden-1", "active", False, HASH) == (
        copy.content,
        copy.name,
        copy.status,
        copy.hidden,
        copy.copy_of,
    )
    assert (copy,) == target(stage).list_images(PATTERN)
    [kept] = copies(stage)
    assert PROPERTIES | {"base_image_ref": None, "img_signature_certificate_uuid": None} == {
        name: kept.get(name) for name in PROPERTIES
    }
    assert ("qcow2", "bare", "private") == tuple(
        kept[name] for name in ("disk_format", "container_format", "visibility")
    )
    found = stage.access.region("SBG5").matching_images(PATTERN)[0]
    assert (copy.id, HASH) == (found.id, found.checksum)


def test_content_flows_in_pieces(stage: Stage, golden: StoredImage) -> None:
    """No piece is larger than a mebibyte, however large the image is."""
    with stage.gra.images.content(golden.id) as chunks:
        sizes = [len(chunk) for chunk in chunks]
    assert len(CONTENT) == sum(sizes)
    assert max(sizes) <= 1 << 20
    assert len(sizes) >= 4


def test_a_copy_is_hidden_until_it_is_verified(stage: Stage, golden: StoredImage) -> None:
    """Where the last step fails, a whole copy is there that no launch finds; it can be shown."""
    stage.sandbox.add_fault(FaultRule(service="image", method="PATCH", status=403))
    with pytest.raises(Misconfigured):
        target(stage).copy_image(golden, stage.gra.images)
    assert () == stage.access.region("SBG5").matching_images(PATTERN)
    [hidden] = target(stage).list_images(PATTERN)
    assert (True, "active", golden.content) == (hidden.hidden, hidden.status, hidden.content)
    stage.sandbox.clear_faults()
    assert not target(stage).reveal_copy(hidden.id).hidden
    assert () != stage.access.region("SBG5").matching_images(PATTERN)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        pytest.param(
            FaultRule(service="image", region="SBG5", method="PUT", status=500),
            Retryable,
            id="the upload breaks",
        ),
        pytest.param(
            FaultRule(service="image", region="SBG5", method="PUT", effect="drop"),
            Retryable,
            id="the upload's connection breaks",
        ),
        pytest.param(
            FaultRule(service="image", region="GRA11", path_regex="/file$", status=404),
            NotFound,
            id="the source's content is gone",
        ),
        pytest.param(
            FaultRule(service="image", region="SBG5", method="PUT", status=413),
            SpringtideError,
            id="the region's image quota is used up",
        ),
    ],
)
def test_nothing_stays_of_a_copy_that_fails(
    stage: Stage, golden: StoredImage, rule: FaultRule, error: type[Exception]
) -> None:
    """The error is told, and the image that was begun is removed."""
    stage.sandbox.add_fault(rule)
    with pytest.raises(error):
        target(stage).copy_image(golden, stage.gra.images)
    assert [] == copies(stage)


def test_a_lost_reply_to_the_upload_is_looked_up(stage: Stage, golden: StoredImage) -> None:
    """The content had arrived: the copy is verified and shown, and nothing is sent twice."""
    stage.sandbox.add_fault(
        FaultRule(service="image", region="SBG5", method="PUT", effect="drop", when="after")
    )
    copy = target(stage).copy_image(golden, stage.gra.images)
    assert golden.content == copy.content
    assert 1 == stage.calls("PUT", "/file")


def test_other_content_is_removed(stage: Stage, golden: StoredImage) -> None:
    """What arrives as something else than the source's hash says is no image."""
    expected = golden.model_copy(update={"hash_value": "0" * 128})
    with pytest.raises(Retryable, match="arrived as active"):
        target(stage).copy_image(expected, stage.gra.images)
    assert [] == copies(stage)


@pytest.mark.parametrize("difference", [-1, 1], ids=["more than told", "less than told"])
def test_content_of_another_length_breaks_off(
    stage: Stage, golden: StoredImage, difference: int
) -> None:
    """The upload ends at once instead of waiting for a rest, and leaves nothing."""
    expected = golden.model_copy(update={"size": len(CONTENT) + difference})
    with pytest.raises(Retryable, match="arrived as queued"):
        target(stage).copy_image(expected, stage.gra.images)
    assert [] == copies(stage)


def test_only_hidden_copies_of_ours_are_removed(stage: Stage, golden: StoredImage) -> None:
    """Somebody's image and a copy that is shown stay; what is gone is gone."""
    copy = target(stage).copy_image(golden, stage.gra.images)
    with pytest.raises(GuardRefused):
        target(stage).remove_copy(copy.id, "a test")
    with pytest.raises(GuardRefused):
        stage.gra.images.remove_copy(golden.id, "a test")
    target(stage).remove_copy("00000000-0000-4000-8000-000000000000", "a test")
    assert copy == target(stage).show_image(copy.id)


def test_an_image_without_a_hash_is_not_copied(stage: Stage, golden: StoredImage) -> None:
    """What could not be verified is not begun."""
    unknown = golden.model_copy(update={"hash_value": None})
    with pytest.raises(GuardRefused):
        target(stage).copy_image(unknown, stage.gra.images)
    assert [] == copies(stage)
