"""Surges through the gateway on a whole stack: from an alert to servers that serve."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from deployments.surge_gateway.configuration import AlertRule
from tests.deployments.gateway import gateway_before
from tests.deployments.rig import End, Rig

RULE = AlertRule(alert="ApiServersSaturated", fleet="api", servers=60, hours=3)
MESSAGE = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": RULE.alert},
            "startsAt": "2026-11-23T15:04:05.123Z",
            "fingerprint": "fd6fc1b2e3a4d5c6",
        }
    ],
}


@pytest.fixture
def gateway(rig: Rig) -> Iterator[TestClient]:
    """A gateway before the stack's Prefect, which knows the alert."""
    with gateway_before(rig.stage.stack, alerts=(RULE,)) as client:
        yield client


def test_a_hundred_copies_of_an_alert_are_one_surge_that_serves(
    rig: Rig, gateway: TestClient
) -> None:
    """Sent at once; the run is the gateway's own, and its servers are there once."""

    def send(_: int) -> tuple[int, str, str]:
        answer = gateway.post("/alerts/alertmanager", json=MESSAGE)
        (surge,) = answer.json()["surges"]
        return answer.status_code, surge["key"], surge["run"]

    with ThreadPoolExecutor(20) as threads:
        answers = set(threads.map(send, range(100)))
    ((status, key, run_id),) = answers
    assert End("COMPLETED", "Completed", "settled") == rig.end(run_id)
    assert (60, 60, 60) == rig.fleet()
    read = gateway.get(f"/surges/{key}").json()
    owner = rig.entry(f"springtide_claim_surge-{key}")["owner"]
    assert (202, "completed", "gateway: monitoring") == (status, read["state"], owner)
