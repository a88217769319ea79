"""The provider's datastores by its own client, on a fake of its API."""

from collections.abc import Iterator

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.ovhcloud.datastores import ProviderDatastores, delivered
from springtide.errors import (
    GuardRefused,
    Misconfigured,
    NotFound,
    RateLimited,
    ReplyLost,
    Retryable,
    SpringtideError,
)
from springtide.model.core import DatastoreOrders
from springtide.model.datastore_extension import ProviderTask
from tests.clouds.ovhcloud.fake_api import (
    ENDPOINT,
    ENVIRONMENT,
    PROFILE,
    SERVICE,
    FakeProvider,
    fake_provider,
)

OPEN = (
    *("toCreate", "todo", "doing", "fixing"),
    *("toCancel", "waitingForChilds", "waitingTodo", "unknown"),
)
BAD = ("error", "canceled")


def orders(**said: object) -> DatastoreOrders:
    """What the estate says of orders."""
    given = {
        "endpoint": ENDPOINT,
        "service": SERVICE,
        "datacenter": 7,
        "profile": PROFILE,
        "capacity_gib": 3000,
        "price_per_month": "200",
        "monthly_budget": "500",
    }
    return DatastoreOrders.model_validate(given | said)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    """One on loopback."""
    with fake_provider() as found:
        yield found


def opened(environment: dict[str, str] = ENVIRONMENT, **said: object) -> ProviderDatastores:
    """The access to it."""
    audit = AuditLog(None, run="run", who="tests")
    return ProviderDatastores.open(orders(**said), audit, timeout_s=5, environment=environment)


def test_a_look_shows_all_that_an_order_hangs_on(provider: FakeProvider) -> None:
    """Datastores, what is offered, and only what is under way and about a datastore."""
    ours = [provider.add_task(state) for state in OPEN]
    by_filer = provider.add_task("waitingForChilds", name="maintenance", filerId=1)
    for state in ("done", *BAD):
        provider.add_task(state)
    provider.add_task("doing", name="addHost")
    view = opened().look()
    assert (["ssd-1"], (PROFILE, "6000-SSD")) == ([f.name for f in view.filers], view.profiles)
    assert [*ours, by_filer] == [task.id for task in view.under_way]
    assert all(provider.signatures[1:]), "every call but that of the time is signed"


def test_an_order_is_sent_once(provider: FakeProvider) -> None:
    """And answered by the provider's task."""
    task = opened().order(why="a test")
    assert (1, "todo") == (provider.orders, task.state)


def test_an_order_whose_answer_was_lost_is_not_sent_again(provider: FakeProvider) -> None:
    """It was bought, and nobody but a person knows what to do."""
    provider.lose_reply = True
    with pytest.raises(ReplyLost):
        opened().order(why="a test")
    assert 1 == provider.orders


REFUSALS = [
    pytest.param(400, GuardRefused, id="a bad parameter"),
    pytest.param(403, Misconfigured, id="not allowed"),
    pytest.param(404, NotFound, id="no such service"),
    pytest.param(409, GuardRefused, id="a conflict"),
    pytest.param(418, GuardRefused, id="a refusal that the client has no name for"),
    pytest.param(429, RateLimited, id="too many calls"),
    pytest.param(500, ReplyLost, id="a server's error: it may have been ordered"),
]


@pytest.mark.parametrize(("status", "expected"), REFUSALS)
def test_what_a_refused_order_is(
    provider: FakeProvider, status: int, expected: type[SpringtideError]
) -> None:
    """A plain refusal bought nothing; anything else may have."""
    provider.refuse_with = status
    with pytest.raises(SpringtideError) as told:
        opened().order(why="a test")
    assert expected is type(told.value)


def test_a_provider_that_does_not_answer_can_be_looked_at_again() -> None:
    """Nothing was to be changed."""
    with fake_provider():
        access = opened()
    with pytest.raises(Retryable) as told:
        access.look()
    assert Retryable is type(told.value)


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("missing", sorted(ENVIRONMENT))
def test_a_missing_credential_is_named(missing: str) -> None:
    """Before anything is sent."""
    left = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(Misconfigured, match=missing):
        opened(left)


def test_an_unknown_endpoint_is_refused() -> None:
    """The client knows the provider's by their names."""
    with pytest.raises(Misconfigured, match="ovh-nowhere"):
        opened(endpoint="ovh-nowhere")


@pytest.mark.parametrize("state", [*OPEN, "done", "a state of next year"])
def test_how_a_task_has_ended(state: str) -> None:
    """Done is delivered; whatever is no ending has not ended."""
    assert (state == "done") == delivered(ProviderTask(id=1, name="addFiler", state=state))


@pytest.mark.parametrize("state", BAD)
def test_a_task_that_has_ended_badly(state: str) -> None:
    """An error or a cancellation is raised, and named."""
    with pytest.raises(SpringtideError, match=f"ended: {state}"):
        delivered(ProviderTask(id=1, name="addFiler", state=state))
