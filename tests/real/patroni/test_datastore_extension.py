"""An order of a datastore on a whole stack: two people sign it, and it is killed on the way."""

from collections.abc import Iterator

import pytest

from tests.clouds.ovhcloud.fake_api import FakeProvider
from tests.deployments.rig import RUN_S, PrefectRig, wait_until
from tests.real.patroni.stage import Stage

pytestmark = pytest.mark.real

KIND = "extend-datastores"
ORDER = f"{KIND}/core"
NEVER = 10**6


@pytest.fixture
def slow(provider: FakeProvider) -> Iterator[FakeProvider]:
    """A provider that takes its time to deliver."""
    before = provider.looks_to_deliver
    provider.looks_to_deliver = NEVER
    yield provider
    provider.looks_to_deliver = before


def test_two_people_sign_an_order_that_is_never_sent_twice(
    stage: Stage, rig: PrefectRig, slow: FakeProvider
) -> None:
    """One key twice is refused; signed by two it is sent; killed, the next run sees it first."""
    run_id = rig.start(ORDER, count=1, dry_run=False)
    line = rig.suspended(run_id, KIND)
    once = {"statement": line, "signature": stage.on_call.sign(line)}
    assert "REJECT" == rig.resume(run_id, once)
    assert "ACCEPT" == rig.resume(run_id, once | {"second_signature": stage.on_call.sign(line)})
    end = rig.end(run_id)
    assert ("FAILED", True) == (end.kind, "signed twice" in end.message), end
    assert 0 == slow.orders

    run_id = rig.start(ORDER, count=1, dry_run=False)
    line = rig.suspended(run_id, KIND)
    both = [person.sign(line) for person in (stage.on_call, stage.second)]
    rig.resume(run_id, {"statement": line, "signature": both[0], "second_signature": both[1]})
    wait_until(lambda: slow.orders, "it is ordered", RUN_S)
    rig.kill_flow(run_id)
    assert "CRASHED" == rig.end(run_id).kind

    end = rig.run(ORDER, count=1, dry_run=False)
    assert ("FAILED", True) == (end.kind, "under way at the provider" in end.message), end
    assert 1 == slow.orders
