"""What readiness reads, and how images are copied: sandbox and real services alike."""

import os
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from springtide.clouds.openstack.images import COPY_OF, ImageStore
from springtide.errors import Retryable
from springtide.model.image import StoredImage
from springtide.model.readiness import Check
from tests.contracts.grounds import IMAGE, QUOTA, REGIONS
from tests.contracts.stage import Contract, wait_until

CONTENT = os.urandom((1 << 20) + 17)


@pytest.fixture
def name(contract: Contract) -> Iterator[str]:
    """A name that no image has; images of that name go in the end."""
    unused = f"contract-{uuid4().hex[:8]}"
    yield unused
    for region in REGIONS:
        images: Any = contract.connections[region].image
        for hidden in (True, False):
            for image in list(images.images(name=unused, is_hidden=hidden)):
                images.delete_image(image, ignore_missing=True)


@pytest.fixture
def golden(contract: Contract, name: str) -> StoredImage:
    """An image in GRA11."""
    images = contract.connections["GRA11"].image
    image: Any = images.create_image(
        name=name, container_format="bare", disk_format="raw", min_ram=512, os_type="windows"
    )
    image.data = CONTENT
    image.upload(images)
    return contract.region().images.show_image(image.id)


def target(contract: Contract) -> ImageStore:
    """The region that gets a copy."""
    return contract.region("SBG5").images


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_says_all_that_readiness_asks(contract: Contract, region: str) -> None:
    """Nothing is missing, every limit is read, the balancer is idle."""
    report = contract.region(region).inspect(contract.fleet)
    assert () == report.troubles
    assert report.image is not None
    assert report.balancer is not None
    assert report.instances is not None
    assert report.instances.limit is not None
    assert (IMAGE, "ACTIVE") == (report.image.name, report.balancer.provisioning_status)
    assert report.instances.limit <= QUOTA.instances
    assert None not in (report.cores, report.ram_mib, report.ports, report.members)
    assert {Check.KEY_PAIR, Check.SECURITY_GROUPS, Check.NETWORK, Check.POOL} <= report.passed


def test_addresses_are_those_of_the_allocation_pools(contract: Contract) -> None:
    """A server takes one of them, as long as it stands."""
    before = contract.region().inspect(contract.fleet).addresses
    assert before is not None
    with contract.launched(contract.order(1)):
        during = contract.region().inspect(contract.fleet)
    assert during.addresses is not None
    assert (before.limit, before.used + 1, 1) == (
        during.addresses.limit,
        during.addresses.used,
        during.servers,
    )


def test_the_credentials_work(contract: Contract) -> None:
    """The identity service issues a token, whose moment is near ours."""
    found = contract.access.inspect_credential()
    assert (None, False) == (found.refused, found.application)
    assert abs(found.offset_s or 0) < 5


def test_a_copy_is_the_same_image(contract: Contract, golden: StoredImage) -> None:
    """Content, name, formats and properties; seen by a plain client, and listed as active."""
    copy = target(contract).copy_image(golden, contract.region().images)
    shown: Any = contract.connections["SBG5"].image.get_image(copy.id)
    assert (golden.name, "active", len(CONTENT), golden.hash_value, False) == (
        shown.name,
        shown.status,
        shown.size,
        shown.hash_value,
        shown.is_hidden,
    )
    assert ("raw", "bare", 512, "windows", "private") == (
        shown.disk_format,
        shown.container_format,
        shown.min_ram,
        shown.os_type,
        shown.visibility,
    )
    found = contract.region("SBG5").matching_images(golden.name)[0]
    assert golden.hash_value == found.checksum


@pytest.mark.parametrize(
    ("update", "said"),
    [
        pytest.param({"hash_value": "0" * 128}, "arrived as active", id="another content"),
        pytest.param({"size": len(CONTENT) + 1}, "arrived as queued", id="less content"),
        pytest.param({"size": len(CONTENT) - 1}, "arrived as queued", id="more content"),
    ],
)
def test_what_does_not_arrive_as_it_should_is_removed(
    contract: Contract, golden: StoredImage, update: dict[str, object], said: str
) -> None:
    """Nothing of it stays, hidden or not."""
    with pytest.raises(Retryable, match=said):
        target(contract).copy_image(golden.model_copy(update=update), contract.region().images)
    assert () == tuple(i for i in target(contract).list_images("-") if i.name == golden.name)


def begun(contract: Contract, golden: StoredImage) -> str:
    """Id of a copy that was begun in SBG5."""
    body = contract.region().images.template(golden)
    answer = contract.raw("image", "/v2/images", region="SBG5", method="POST", sent=body)
    assert HTTPStatus.CREATED == answer.status_code, answer.text
    return str(answer.json()["id"])


def test_a_copy_on_its_way_is_found_by_us_alone(contract: Contract, golden: StoredImage) -> None:
    """Hidden, with the hash of what it is to become; no content is no error."""
    image_id = begun(contract, golden)
    [found] = [i for i in target(contract).list_images("-") if i.id == image_id]
    assert ("queued", True, golden.hash_value) == (found.status, found.hidden, found.copy_of)
    listed = contract.raw("image", f"/v2/images?name={golden.name}", region="SBG5").json()
    assert [] == [image for image in listed["images"] if COPY_OF in image]
    content = contract.raw("image", f"/v2/images/{image_id}/file", region="SBG5")
    assert HTTPStatus.NO_CONTENT == content.status_code


def test_an_upload_whose_client_dies_leaves_no_active_image(
    contract: Contract, golden: StoredImage
) -> None:
    """It is queued again, and removed as what it is."""
    image_id = begun(contract, golden)
    session = contract.connections["SBG5"].session
    endpoint = session.get_endpoint(service_type="image", interface="public", region_name="SBG5")
    url = urlsplit(f"{endpoint.rstrip('/').removesuffix('/v2')}/v2/images/{image_id}/file")
    head = (
        f"PUT {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nX-Auth-Token: {session.get_token()}\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(head.encode() + b"x" * 300_000)
    store = target(contract)
    wait_until(lambda: store.show_image(image_id).status == "queued")
    store.remove_copy(image_id, "the contract is checked")
    assert [] == [i for i in store.list_images("-") if i.id == image_id]


@pytest.mark.parametrize(("method", "below"), [("PUT", "/file"), ("PATCH", "")])
def test_content_and_patches_are_known_by_their_media_types(
    contract: Contract, golden: StoredImage, method: str, below: str
) -> None:
    """JSON is neither."""
    path = f"/v2/images/{golden.id}{below}"
    answer = contract.raw("image", path, method=method, sent=[])
    assert HTTPStatus.UNSUPPORTED_MEDIA_TYPE == answer.status_code


def test_members_have_a_quota(contract: Contract) -> None:
    """A number; -1 is no limit."""
    project = contract.service("load-balancer").project_id
    quota = contract.raw("load-balancer", f"/v2/lbaas/quotas/{project}").json()["quota"]
    counted = {"member", "pool", "listener", "load_balancer", "health_monitor"}
    assert counted | {"l7policy", "l7rule"} == quota.keys()
    assert quota["member"] >= -1
