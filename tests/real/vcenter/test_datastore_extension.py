"""Ordering datastores on Prefect's own engine, the simulated vCenter and a fake of the provider."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prefect import flow
from prefect.variables import Variable

from flows.datastore_extension import extend_datastores
from springtide.model.change import ChangeOutcome
from tasks.cloud import read_estate
from tasks.datastore_extension import DatastoreExtension
from tasks.provider import read_orders
from tests.clouds.ovhcloud.fake_api import (
    ENDPOINT,
    ENVIRONMENT,
    PROFILE,
    SERVICE,
    FakeProvider,
    fake_provider,
)
from tests.environment import environment
from tests.real.vcenter.inventory import GIB
from tests.real.vcenter.simulator import Simulator
from tests.real.vcenter.stage import Stage, make_stage, signed

pytestmark = pytest.mark.real

ORDERS = {
    "endpoint": ENDPOINT,
    "service": SERVICE,
    "datacenter": 7,
    "profile": PROFILE,
    "capacity_gib": 3000,
    "price_per_month": "200",
    "monthly_budget": "500",
    "delivery_timeout_s": 3,
    "poll_interval_s": 0.1,
}
NEW = {"capacity_bytes": 3000 * GIB, "free_bytes": 2900 * GIB}


async def _forget() -> None:
    for record in await read_orders():
        month = record.month.replace("-", "_")
        await Variable.aunset(f"datastore_order_{month}_{record.digest[:16]}_{record.number}")


@pytest.fixture
def provider(simulator: Simulator) -> Iterator[FakeProvider]:
    """One whose deliveries appear in vCenter, mounted on one host alone."""
    with fake_provider() as found:
        found.on_delivery = lambda number: simulator.set_datastore(
            f"ssd-new-{number}", hosts=["esx-1"], **NEW
        )
        yield found


@pytest.fixture
def shop(
    prefect_server: None,  # noqa: ARG001 - must run
    simulator: Simulator,
    provider: FakeProvider,  # noqa: ARG001 - must run
    tmp_path: Path,
) -> Stage:
    """An estate that orders datastores there."""
    asyncio.run(_forget())
    return make_stage(simulator, tmp_path, datastore_orders=ORDERS)


def carried_out(shop: Stage, asked: int) -> ChangeOutcome:
    """What becomes of the plan once it is approved: the approval's own path has its own tests."""

    async def act() -> ChangeOutcome:
        change = DatastoreExtension(shop.estate_file, asked)
        proposal = (await change.propose()).proposal
        return await change.act(proposal, signed(proposal))

    with environment(**(shop.environment | ENVIRONMENT)):
        return asyncio.run(flow(act, name="approved")())


def mounts(simulator: Simulator) -> int:
    """How often a datastore was mounted on a host."""
    return len(simulator.calls("CreateNasDatastore"))


def test_a_dry_run_proposes_and_orders_nothing(shop: Stage, provider: FakeProvider) -> None:
    """What would be ordered, what it costs, and that two sign it."""
    with environment(**ENVIRONMENT):
        state = shop.run(extend_datastores, count=2)
    assert str(state.message).startswith("dry run: plan"), state.message
    shown = shop.artifact("proposal-extend-datastores")
    assert "2 of 3000-SSD" in shown
    assert "400 EUR a month" in shown
    assert 0 == provider.orders


def test_nothing_is_ordered_where_the_forecast_wants_nothing(
    shop: Stage, provider: FakeProvider
) -> None:
    """Half of it is free, and nothing grows."""
    with environment(**ENVIRONMENT):
        state = shop.run(extend_datastores, dry_run=False)
    assert "nothing to do" in str(state.message)
    assert "below 90%" in str(state.message)
    assert 0 == provider.orders


def test_what_was_approved_is_ordered_delivered_and_mounted_everywhere(
    shop: Stage, provider: FakeProvider, simulator: Simulator
) -> None:
    """One after the other; the two hosts that lack each mount it; each counts for the budget."""
    outcome = carried_out(shop, 2)
    assert outcome.trouble is None
    assert 2 == provider.orders
    assert 4 == mounts(simulator)
    assert 6 == len(outcome.done)
    assert [400] == [sum(record.amount for record in asyncio.run(read_orders()))]
    with environment(**ENVIRONMENT):
        state = shop.run(extend_datastores, count=1)
    assert "100" in str(state.message)
    assert "budget" in str(state.message)


def test_an_order_under_way_is_seen_first(shop: Stage, provider: FakeProvider) -> None:
    """Somebody else's, too."""
    provider.add_task("doing")
    with environment(**ENVIRONMENT):
        state = shop.run(extend_datastores, count=1)
    assert state.is_failed()
    assert "under way at the provider" in str(state.message)


def test_a_lost_answer_stops_all_orders_until_a_person_has_looked(
    shop: Stage, provider: FakeProvider
) -> None:
    """It was bought, and is not bought again, by this run or the next."""
    provider.lose_reply = True
    outcome = carried_out(shop, 2)
    assert "order of a datastore" in str(outcome.trouble)
    assert "Nothing is ordered again by itself" in outcome.what_next
    provider.lose_reply = False
    provider.tasks.clear()
    with environment(**ENVIRONMENT):
        state = shop.run(extend_datastores, count=1)
    assert "never answered" in str(state.message)
    assert 1 == provider.orders


def test_a_refused_order_was_not_bought_and_blocks_nothing(
    shop: Stage, provider: FakeProvider
) -> None:
    """It is forgotten, and the next run may propose again."""
    provider.refuse_with = 409
    assert "refused" in str(carried_out(shop, 1).trouble)
    assert ((), 0) == (asyncio.run(read_orders()), provider.orders)
    with environment(**ENVIRONMENT):
        assert shop.run(extend_datastores, count=1).is_completed()


@pytest.mark.parametrize(
    ("ends_as", "why"),
    [
        pytest.param("error", "ended: error", id="it fails"),
        pytest.param("doing", "not done after", id="it takes too long"),
    ],
)
def test_a_delivery_that_does_not_come_stops_the_next_order(
    shop: Stage, provider: FakeProvider, ends_as: str, why: str
) -> None:
    """The second of two is not ordered."""
    provider.ends_as = ends_as
    outcome = carried_out(shop, 2)
    assert why in str(outcome.trouble)
    assert 1 == provider.orders


def test_a_delivery_that_vcenter_does_not_show_stops_it(
    shop: Stage, provider: FakeProvider
) -> None:
    """The provider says done; it is looked for a while, and a person is told."""
    provider.on_delivery = lambda _: None
    told = "vCenter shows 0 of them (delivered: ssd-new-2; new there: none)"
    assert told in str(carried_out(shop, 1).trouble)


def test_what_was_not_delivered_is_not_mounted(
    shop: Stage, provider: FakeProvider, simulator: Simulator
) -> None:
    """Somebody's share appears in mid-delivery: it is none of what was bought, whatever comes."""

    def deliver(number: int) -> None:
        simulator.set_datastore("nas-of-a-friend", hosts=["esx-1"], **NEW)
        if number < 3:
            simulator.set_datastore(f"ssd-new-{number}", hosts=["esx-1"], **NEW)

    provider.on_delivery = deliver
    outcome = carried_out(shop, 2)
    assert "vCenter shows 1 of them" in str(outcome.trouble)
    assert "new there: nas-of-a-friend, ssd-new-2" in str(outcome.trouble)
    assert 2 == mounts(simulator)
    assert not [told for told in outcome.done if "friend" in told]


def test_a_delivery_is_waited_for_however_often_a_look_fails(
    shop: Stage, provider: FakeProvider, simulator: Simulator
) -> None:
    """It is paid for: nothing but the deadline ends the wait."""
    estate = yaml.safe_load(shop.estate_file.read_text("utf-8"))
    estate["core"]["datastore_orders"]["delivery_timeout_s"] = 60
    shop.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    read_estate.cache_clear()
    provider.looks_to_deliver, provider.fails_every_second_look = 5, True
    assert carried_out(shop, 1).trouble is None
    assert 2 == mounts(simulator)


def test_what_was_delivered_is_looked_for_however_often_a_look_fails(
    shop: Stage, provider: FakeProvider, simulator: Simulator
) -> None:
    """The provider is away right after it is done: what was paid for is mounted all the same."""
    provider.looks_to_fail = 4
    assert carried_out(shop, 1).trouble is None
    assert 2 == mounts(simulator)


def test_what_somebody_else_orders_meanwhile_is_not_mounted(
    shop: Stage, provider: FakeProvider, simulator: Simulator
) -> None:
    """The provider has it since we ordered, too: the task tells which one is ours."""

    def deliver(number: int) -> None:
        provider.filers[90] = {"filerId": 90, "name": "ssd-of-a-friend"}
        for name in ("ssd-of-a-friend", f"ssd-new-{number}"):
            simulator.set_datastore(name, hosts=["esx-1"], **NEW)

    provider.on_delivery = deliver
    assert carried_out(shop, 1).trouble is None
    assert 2 == mounts(simulator)
