"""The provider's bill by its own client, on a fake of its API: the right month's newest one."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from springtide.clouds.ovhcloud.bills import ProviderBills
from springtide.errors import Misconfigured, NotFound
from springtide.model.provider_api import BillSource
from springtide.pricing.provider_bill import read_usage_history
from tests.clouds.ovhcloud.fake_api import ENDPOINT, ENVIRONMENT, FakeProvider, fake_provider
from tests.clouds.ovhcloud.usage import PROJECT, USAGE, listed, usage

NOVEMBER = date(2024, 11, 1)
SOURCE = BillSource(endpoint=ENDPOINT, project=PROJECT)
PARIS = {"from": "2024-10-31T23:00:00Z", "to": "2024-11-30T23:00:00Z"}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    """One on loopback."""
    with fake_provider() as found:
        found.documents = {f"{USAGE}/current": usage(12), f"{USAGE}/history": []}
        yield found


@pytest.mark.parametrize(
    ("history", "path"),
    [
        pytest.param([], None, id="not billed yet"),
        pytest.param([listed("oct", 10), listed("dec", 12)], None, id="its neighbours alone"),
        pytest.param([listed("oct", 10), listed("nov", 11)], "nov", id="its own"),
        pytest.param([listed("nov", 11) | {"period": PARIS}], "nov", id="by the clock of Paris"),
        pytest.param(
            [listed("new", 11, "2024-12-03T00:00:00Z"), listed("old", 11)], "new", id="the newest"
        ),
    ],
)
def test_the_bill_of_a_month(
    provider: FakeProvider, history: list[dict[str, Any]], path: str | None
) -> None:
    """By its period, whatever zone's midnight that begins with."""
    provider.documents[f"{USAGE}/history"] = history
    provider.documents |= {f"{USAGE}/history/{each['id']}": usage(11) for each in history}
    found = ProviderBills.open(SOURCE, ENVIRONMENT).of_month(NOVEMBER)
    assert (path and f"{USAGE}/history/{path}") == (found and found[1])


def test_figures_stay_as_they_were_sent(provider: FakeProvider) -> None:
    """A price of many digits passes the client's floating numbers unharmed."""
    provider.documents[f"{USAGE}/current"] = usage(12, price=110160.0000000001)
    text, source = ProviderBills.open(SOURCE, ENVIRONMENT).running()
    bill = read_usage_history(text, currency="EUR", source=source)
    assert (Decimal("110160.0000000001"), "win-b2-60") == (bill.total, bill.lines[0].sku)
    assert all(provider.signatures[1:])


def test_a_project_that_is_not_there(provider: FakeProvider) -> None:
    """It is named by what was asked for."""
    del provider.documents[f"{USAGE}/history"]
    with pytest.raises(NotFound, match="GET usage of the project"):
        ProviderBills.open(SOURCE, ENVIRONMENT).of_month(NOVEMBER)


@pytest.mark.parametrize("name", ["application_key", "application_secret", "consumer_key"])
def test_a_credential_that_is_not_set(name: str) -> None:
    """The field and the variable are named; nothing is sent."""
    variable = f"SPRINGTIDE_OVH_{name.upper()}"
    with pytest.raises(Misconfigured, match=variable) as refused:
        ProviderBills.open(SOURCE, ENVIRONMENT | {variable: ""})
    assert f"cost_report.bill_source.{name}_env" == refused.value.field
