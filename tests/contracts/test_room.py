"""Images by pattern with their checksum; names resolved to ids; the room that is left."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from springtide.errors import Misconfigured
from springtide.model.fleet import Fleet
from tests.contracts.grounds import IMAGE, QUOTA
from tests.contracts.stage import Case, Contract, a_fleet, a_region, case_name


@pytest.fixture
def pattern(contract: Contract) -> Iterator[str]:
    """A beginning of names that nobody has used; images of such names go in the end."""
    prefix = f"contract-{uuid4().hex[:8]}-"
    yield prefix
    images: Any = contract.connections["GRA11"].image
    for image in list(images.images()):
        if (image.name or "").startswith(prefix):
            images.delete_image(image)


def upload(contract: Contract, name: str, content: bytes | None) -> Any:  # noqa: ANN401 - an image of the SDK, whichever version
    """An image of that content, or one that waits for its content."""
    images = contract.connections["GRA11"].image
    image: Any = images.create_image(
        name=name, container_format="bare", disk_format="raw", allow_duplicates=True
    )
    if content is not None:
        image.data = content
        image.upload(images)
    return image


def test_the_newest_image_is_found_with_the_checksum_of_its_content(
    contract: Contract, pattern: str
) -> None:
    """What was uploaded last and is whole; its SHA-512 is the listing's own."""
    assert () == contract.region().matching_images(f"{pattern}*")
    upload(contract, f"{pattern}1", b"the first")
    time.sleep(1.1)
    second = upload(contract, f"{pattern}2", content := b"\0the second" * 1000)
    upload(contract, f"{pattern}3", None)
    found = contract.region().matching_images(f"{pattern}*")[0]
    assert (second.id, f"{pattern}2") == (found.id, found.name)
    assert hashlib.sha512(content).hexdigest() == found.checksum
    shown = contract.connections["GRA11"].image.get_image(second.id)
    assert ("active", len(content), "sha512", found.checksum) == (
        shown.status,
        shown.size,
        shown.hash_algo,
        shown.hash_value,
    )
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == shown.checksum


@pytest.mark.parametrize(
    ("pattern_of_names", "expected"),
    [("api-iis-*", IMAGE), ("api-iis-202?", IMAGE), ("API-IIS-*", None), ("api-iis", None)],
)
def test_a_pattern_meets_the_whole_name(
    contract: Contract, pattern_of_names: str, expected: str | None
) -> None:
    """And its case counts."""
    images = contract.region().matching_images(pattern_of_names)
    assert expected == (images[0].name if images else None)


class Wrong(Case):
    """A fleet that names what does not exist, and the field to be named."""

    fleet: Fleet
    field: str


WRONG = (
    Wrong(name="flavour", fleet=a_fleet(name="a", flavour="b9-60"), field="flavour"),
    Wrong(name="key pair", fleet=a_fleet(name="b", key_pair="nobody"), field="key_pair"),
    Wrong(
        name="security group",
        fleet=a_fleet(name="c", security_groups=("api", "nobody")),
        field="security_groups",
    ),
    Wrong(
        name="network",
        fleet=a_fleet(name="d", regions=(a_region(network="none"),)),
        field="network",
    ),
    Wrong(name="pool", fleet=a_fleet(name="e", regions=(a_region(pool="none"),)), field="pool"),
    Wrong(
        name="subnet", fleet=a_fleet(name="f", regions=(a_region(subnet="none"),)), field="subnet"
    ),
)


@pytest.mark.parametrize("case", WRONG, ids=case_name)
def test_what_does_not_exist_is_named_before_anything_changes(
    contract: Contract, case: Wrong
) -> None:
    """The error names the field, and nothing but reads was sent."""

    def resolve() -> None:
        contract.region().resolve_pool(case.fleet)
        contract.region().resolve_launch(case.fleet)

    contract.control.forget_calls()
    with pytest.raises(Misconfigured) as refused:
        resolve()
    assert case.field == refused.value.field.rpartition(".")[2]
    assert contract.control.calls("GET") == contract.control.calls()


def test_ids_are_as_good_as_names(contract: Contract) -> None:
    """What was found by its name is found by its id."""
    launch = contract.region().resolve_launch(contract.fleet)
    pool = contract.region().resolve_pool(contract.fleet)
    region = a_region(pool=pool.pool_id, network=launch.network_id, subnet=pool.subnet_id)
    by_id = a_fleet(name="other", regions=(region,))
    assert launch == contract.region().resolve_launch(by_id)
    assert pool == contract.region().resolve_pool(by_id)
    assert (16, 61_440) == (launch.vcpus, launch.ram_mib)


def test_headroom_is_quota_less_usage_in_servers(contract: Contract) -> None:
    """It shrinks by the servers that are launched, as long as they stand."""
    before = contract.region().room(contract.fleet).headroom
    assert before.instances is not None
    assert before.instances <= QUOTA.instances
    with contract.launched(contract.order(2)):
        during = contract.region().room(contract.fleet).headroom
        assert before.instances - 2 == during.instances
        for name in ("cores", "ram", "ports"):
            first, second = getattr(before, name), getattr(during, name)
            assert first is None or first - 2 == second, name
    assert before == contract.region().room(contract.fleet).headroom
