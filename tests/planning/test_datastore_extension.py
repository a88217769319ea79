"""How many more datastores are proposed, and when nothing may be ordered."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.errors import Misconfigured
from springtide.model.core import Core
from springtide.model.core_watch import FillForecast
from springtide.model.datastore_extension import (
    DatastorePlan,
    Filer,
    OrderRecord,
    ProviderTask,
    ProviderView,
)
from springtide.planning.datastore_extension import (
    datastore_plan,
    datastore_rows,
    delivered_names,
    order_limitation,
    unmounted,
)
from tests.planning.cores import NOW, core, datastore, host, inventory, machine

ORDERS: dict[str, Any] = {
    "service": "pcc-192-0-2-7",
    "datacenter": 7,
    "profile": "3000-SSD",
    "capacity_gib": 3000,
    "price_per_month": "200",
    "most_at_once": 2,
    "monthly_budget": "500",
}
VIEW = ProviderView(
    filers=(Filer(id=1, name="ssd-1", state="delivered"),), under_way=(), profiles=("3000-SSD",)
)


def ordering(**said: object) -> Core:
    """A core that orders datastores."""
    return core(datastore_orders=ORDERS | said)


def forecast(used_gib: int, per_day_gib: float | None = 0, name: str = "ssd-1") -> FillForecast:
    """Of a datastore of 3,000 GiB."""
    return FillForecast(
        datastore=name,
        used_mib=used_gib * 1024,
        capacity_mib=3000 * 1024,
        per_day_mib=None if per_day_gib is None else per_day_gib * 1024,
        why="as it is",
    )


def record(amount: str = "200", **said: object) -> OrderRecord:
    """An order of this month that was answered."""
    given_: dict[str, object] = {
        "digest": "d" * 64,
        "number": 1,
        "at": NOW,
        "month": "2026-11",
        "amount": amount,
        "task": 100,
    }
    return OrderRecord.model_validate(given_ | said)


def planned(
    *forecasts: FillForecast, asked: int = 0, records: tuple[OrderRecord, ...] = (), **said: object
) -> DatastorePlan:
    """The plan for datastores that stand on the estate's hosts."""
    stores = tuple(datastore(each.datastore) for each in forecasts)
    seen = inventory(machine(), datastores=stores)
    return datastore_plan(seen, forecasts, ordering(**said), known=(VIEW, records), asked=asked)


WANTED = [
    pytest.param((2700, 0), 0, id="just the red share"),
    pytest.param((2701, 0), 1, id="a GiB above"),
    pytest.param((2400, 10), 0, id="30 days to just the red share"),
    pytest.param((2400, 10.1), 1, id="a little quicker"),
    pytest.param((2400, -50), 0, id="it empties"),
    pytest.param((2400, None), 0, id="no history"),
    pytest.param((2400, 100), 1, id="2,700 GiB lacking: one, filled to its red share"),
    pytest.param((2401, 100), 2, id="a GiB more: two"),
]


@pytest.mark.parametrize(("fill", "wanted"), WANTED)
def test_how_many_the_forecast_wants(fill: tuple[int, float | None], wanted: int) -> None:
    """Both sides of each boundary."""
    plan = planned(forecast(*fill))
    assert (wanted, wanted) == (plan.wanted, plan.count)


@pytest.mark.parametrize("asked", [0, 2])
def test_a_gibibyte_more_is_the_same_plan(asked: int) -> None:
    """It is signed within the hour, and by then more is used: the signature holds still."""
    assert planned(forecast(2800, 2), asked=asked) == planned(forecast(2801, 2.1), asked=asked)


def test_full_ones_are_evened_out_by_empty_ones() -> None:
    """Machines can be moved: what counts is all of them together."""
    full, empty = forecast(2950), forecast(100, name="ssd-2")
    assert 0 == planned(full, empty).wanted
    assert 1 == planned(full).wanted


def test_another_clusters_datastores_do_not_count() -> None:
    """A laboratory's empty ones are of no help."""
    stores = (datastore(), datastore("lab", hosts=("lab-1",)))
    known = (VIEW, ())
    both = (forecast(2950), forecast(0, name="lab"))
    plan = datastore_plan(inventory(datastores=stores), both, ordering(), known=known, asked=0)
    assert 1 == plan.wanted


CAPS = [
    pytest.param(2, (), {}, 2, "", id="within all"),
    pytest.param(3, (), {}, 2, "capped at 2 at once", id="more than at once"),
    pytest.param(2, (record(),), {}, 1, "300 EUR", id="a part of the budget is spent"),
    pytest.param(2, (record("400"),), {}, 0, "100 EUR", id="less than one is left"),
    pytest.param(2, (record(month="2026-10"),), {}, 2, "", id="last month's"),
    pytest.param(2, (), {"monthly_budget": "400"}, 2, "", id="to the last euro"),
    pytest.param(2, (), {"monthly_budget": "399.99"}, 1, "399.99 EUR", id="a cent less"),
    pytest.param(2, (record(task=None),), {}, 1, "300 EUR", id="one never answered counts"),
]


@pytest.mark.parametrize(("asked", "records", "said", "count", "why"), CAPS)
def test_what_may_be_bought(
    asked: int, records: tuple[OrderRecord, ...], said: dict[str, Any], count: int, why: str
) -> None:
    """What was asked for is kept beside what is left of it, with the reason."""
    plan = planned(forecast(1000), asked=asked, records=records, **said)
    assert (asked, count) == (plan.wanted, plan.count)
    assert why in plan.reason
    assert Decimal(200) * count == plan.price_per_month


LIMITATIONS = [
    pytest.param({}, (), None, id="nothing"),
    pytest.param(
        {"under_way": (ProviderTask(id=9, name="addFiler", state="doing"),)},
        (),
        "addFiler 9 (doing)",
        id="under way",
    ),
    pytest.param({}, (record(task=None),), "never answered", id="never answered"),
    pytest.param(
        {}, (record(task=None, month="2025-01"),), "never answered", id="long ago, and never"
    ),
    pytest.param({}, (record(),), None, id="answered"),
    pytest.param({"profiles": ("6000-SSD",)}, (), "offered: 6000-SSD", id="not offered"),
]


@pytest.mark.parametrize(("said", "records", "expected"), LIMITATIONS)
def test_when_nothing_may_be_ordered(
    said: dict[str, Any], records: tuple[OrderRecord, ...], expected: str | None
) -> None:
    """While there is a doubt whether something was bought, nothing more is."""
    view = VIEW.model_copy(update=said)
    told = order_limitation(ordering().ordering(), view, records)
    assert (expected is None) == (told is None)
    assert expected is None or expected in str(told)


def test_what_was_delivered_makes_it_another_plan() -> None:
    """An approval of yesterday's order does not order again."""
    before = planned(forecast(2950))
    more = datastore_plan(
        inventory(datastores=(datastore(), datastore("ssd-2"))),
        (forecast(2950),),
        ordering(),
        known=(VIEW, ()),
        asked=before.count,
    )
    assert before.datastores != more.datastores


def delivery(filer_id: int | None) -> ProviderTask:
    """A task that is done."""
    return ProviderTask(id=100, name="addFiler", state="done", filer_id=filer_id)


@pytest.mark.parametrize(
    ("told", "names"),
    [
        pytest.param((2,), {"ssd-2"}, id="the task tells which"),
        pytest.param((2, 3), {"ssd-2", "ssd-3"}, id="both tell"),
        pytest.param((4,), set(), id="it is not there yet"),
        pytest.param((None,), {"ssd-2", "ssd-3"}, id="none tells: whatever was not there"),
        pytest.param((2, None), {"ssd-2", "ssd-3"}, id="one of them does not"),
    ],
)
def test_what_was_delivered(told: tuple[int | None, ...], names: set[str]) -> None:
    """By the name that vCenter has for it, too; what somebody else ordered is not ours."""
    more = tuple(Filer(id=n, name=f"ssd-{n}", state="delivered") for n in (2, 3))
    done = [delivery(filer_id) for filer_id in told]
    plan = planned(forecast(2800, 100))
    assert names == delivered_names(plan, done, (*VIEW.filers, *more))
    assert set() == delivered_names(plan, [delivery(None)], VIEW.filers)


def test_without_orders_in_the_estate_nothing_is_planned() -> None:
    """It says which field is missing."""
    with pytest.raises(Misconfigured, match=r"core\.datastore_orders"):
        datastore_plan(inventory(), (), core(), known=(VIEW, ()), asked=1)


def test_which_hosts_lack_it() -> None:
    """Usable ones of the estate's clusters; others mount it when they are back."""
    hosts = (
        host("esx-1"),
        host("esx-2", in_maintenance=True),
        host("esx-3"),
        host("x", cluster="y"),
    )
    stores = (datastore(hosts=("esx-1",)), datastore("ssd-2", hosts=("esx-1", "esx-3")))
    seen = inventory(hosts=hosts, datastores=stores)
    assert (("ssd-1", "esx-3"),) == unmounted(seen, ("ssd-2", "ssd-1", "gone"), core())


def test_people_see_what_it_costs_and_why() -> None:
    """Two of them sign it."""
    fills = (forecast(2950),)
    told = {str(r["measure"]): str(r["value"]) for r in datastore_rows(planned(*fills), fills)}
    assert "200 EUR a month without VAT" == told["cost"]
    assert "1 of 3000-SSD for pcc-192-0-2-7" == told["order"]
    assert "2950 of 3000 GiB; as it is" == told["ssd-1"]


@given(
    used=st.integers(0, 3000),
    grows=st.floats(0, 200),
    spent=st.integers(0, 600),
    most=st.integers(1, 10),
)
def test_it_is_enough_and_never_more_than_may_be_bought(
    used: int, grows: float, spent: int, most: int
) -> None:
    """What is wanted keeps all below the red share; what is ordered fits in the budget."""
    records = (record(str(spent)),) if spent else ()
    plan = planned(forecast(used, grows), records=records, most_at_once=most)
    ahead = used + max(0, grows) * 30
    assert ahead <= 0.9 * 3000 * (1 + plan.wanted) + 1
    assert plan.count <= min(plan.wanted, most)
    assert plan.price_per_month <= max(Decimal(0), Decimal(500) - spent)
