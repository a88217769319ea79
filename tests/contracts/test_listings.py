"""Listings: filters by tag, pages by limit, and what a page that moved away says."""

from collections.abc import Iterator

import pytest

from springtide.errors import Misconfigured
from tests.contracts.stage import FLEET, TAG, Contract, PoolStage


@pytest.fixture(scope="module")
def three_servers(ground_of_all: Contract) -> Iterator[set[str]]:
    """Ids of three servers of one wave in GRA11, for the whole module."""
    order = ground_of_all.order(3)
    with ground_of_all.launched(order) as servers:
        yield {server.id for server in servers}


@pytest.mark.parametrize(("limit", "pages"), [(1, 4), (2, 2), (3, 2), (4, 1)])
def test_nova_links_to_the_next_page_as_long_as_pages_are_full(
    contract: Contract, three_servers: set[str], limit: int, pages: int
) -> None:
    """A page that is just full links to another, which is empty."""
    contract.control.forget_calls()
    compute = contract.service("compute")
    found = [s["id"] for s in compute.pages("/servers/detail", "servers", limit=limit, tags=TAG)]
    assert (3, three_servers) == (len(found), set(found))
    assert pages == contract.control.calls("GET", "/servers/detail")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (TAG, 3),
        (f"springtide,{TAG}", 3),
        (f"{TAG},springtide:fleet:other", 0),
        ("springtide:fleet:contrac", 0),
        ("springtide:fleet:contract-2", 0),
    ],
)
def test_nova_lists_what_has_all_of_the_tags(
    contract: Contract, three_servers: set[str], tags: str, expected: int
) -> None:
    """Whole tags, every one of them."""
    found = list(
        contract.service("compute").pages("/servers/detail", "servers", limit=9, tags=tags)
    )
    assert expected == len(found)
    assert {s["id"] for s in found} <= three_servers


def test_other_fleets_servers_are_not_listed(contract: Contract, three_servers: set[str]) -> None:
    """By their fleet's tag alone."""
    assert three_servers == {s.id for s in contract.region().list_servers(FLEET)}
    assert () == contract.region().list_servers("api2")
    assert () == contract.region("SBG5").list_servers(FLEET)


def test_a_marker_that_was_deleted_is_told_apart(contract: Contract) -> None:
    """Nova answers 400 to a marker that it does not know."""
    unknown = {"marker": "00000000-0000-4000-8000-000000000000", "limit": 2}
    with pytest.raises(Misconfigured, match="400"):
        contract.service("compute").get("/servers/detail", **unknown)


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_octavia_links_to_the_next_page(shared_pool: PoolStage, limit: int) -> None:
    """Every member once, whatever the size of a page."""
    shared_pool.joined(1, 2, 3)
    balancer = shared_pool.contract.service("load-balancer")
    path = f"/lbaas/pools/{shared_pool.pool_id}/members"
    found = [m["id"] for m in balancer.pages(path, "members", limit=limit)]
    assert len(found) == len(set(found))
    assert {m.id for m in shared_pool.members().values()} <= set(found)


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_neutron_links_to_the_next_page(contract: Contract, limit: int) -> None:
    """Every security group once, whatever the size of a page."""
    found = list(
        contract.service("network").pages("/security-groups", "security_groups", limit=limit)
    )
    ids = [group["id"] for group in found]
    assert len(ids) == len(set(ids))
    assert {"default", "api"} <= {group["name"] for group in found}


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_nova_pages_flavours(contract: Contract, limit: int) -> None:
    """Every flavour once, whatever the size of a page."""
    found = list(contract.service("compute").pages("/flavors/detail", "flavors", limit=limit))
    names = [flavour["name"] for flavour in found]
    assert len(names) == len(set(names))
    assert {"win-b2-60", "too-large"} <= set(names)
