"""What a sweep rests on: tags on servers, ports and members that are kept and listed."""

from datetime import UTC, datetime

from springtide.model.leftover import LeftoverKind, MarkedThing
from tests.contracts.stage import FLEET, Contract, PoolStage, wait_until

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


def things(contract: Contract, kind: LeftoverKind, region: str = "GRA11") -> list[MarkedThing]:
    """What is there of that kind, of the contract's fleet."""
    found = contract.region(region).leftovers.inventory(NOW)
    assert found.trouble is None
    return [t for t in found.things if t.kind is kind and t.fleet == FLEET]


def test_a_server_keeps_the_mark_of_its_first_sighting(contract: Contract) -> None:
    """The newer mark in place of the older one; its other tags stay."""
    store = contract.region().leftovers
    with contract.launched(contract.order(1)):
        (before,) = things(contract, LeftoverKind.SERVER)
        assert (None, None) == (before.sighted_at, before.in_change)
        store.mark(before, NOW)
        (marked,) = things(contract, LeftoverKind.SERVER)
        store.mark(marked, LATER)
        (after,) = things(contract, LeftoverKind.SERVER)
    assert (NOW, LATER) == (marked.sighted_at, after.sighted_at)
    assert {*before.tags, "springtide:leftover:20261123T210000Z"} == set(after.tags)


def test_a_port_takes_its_servers_mark(contract: Contract) -> None:
    """Nova makes it without one; with it, it is listed as ours, with a server that stands."""
    store = contract.region().leftovers
    with contract.launched(contract.order(1)) as (server,):
        ports = contract.region().leftovers.inventory(NOW).unmarked_ports
        (port,) = [each for each in ports if each.owner_id == server.id]
        assert port.created_at is not None
        store.mark_port(port)
        (known,) = things(contract, LeftoverKind.PORT)
        assert (port.id, server.id, True) == (known.id, known.owner_id, known.owner_stands)
        store.mark(known, NOW)
        (marked,) = things(contract, LeftoverKind.PORT)
        assert NOW == marked.sighted_at
    assert [] == [t for t in things(contract, LeftoverKind.PORT) if t.owner_id == server.id]


def test_a_member_keeps_its_mark_and_goes(shared_pool: PoolStage) -> None:
    """Its server is asked for and not found; its weight and its other tags stay as they are."""
    contract, store = shared_pool.contract, shared_pool.cloud.leftovers
    shared_pool.joined(1)
    (before,) = things(contract, LeftoverKind.MEMBER)
    assert ("server-1", False, 1) == (before.owner_id, before.owner_stands, before.weight)
    store.mark(before, NOW)
    shared_pool.wait_idle()
    (after,) = things(contract, LeftoverKind.MEMBER)
    assert (NOW, 1, {*before.tags}) == (
        after.sighted_at,
        after.weight,
        {tag for tag in after.tags if "leftover" not in tag},
    )
    store.remove(after, "the contract is checked")
    store.remove(after, "the contract is checked")
    wait_until(lambda: not things(contract, LeftoverKind.MEMBER))
