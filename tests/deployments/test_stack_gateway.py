"""Surges through the gateway on a whole stack: from an alert to servers that serve."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from deployments.surge_gateway.access import Scope, Token, new_token
from deployments.surge_gateway.app import make_gateway
from deployments.surge_gateway.configuration import AlertRule, GatewayConfiguration
from deployments.surge_gateway.runs import SurgeRuns
from springtide.estate import load_estate
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
    """A gateway before the stack's Prefect, and a caller who may send alerts and read."""
    token, digest = new_token()
    caller = Token(name="monitoring", sha256=digest, scopes=(Scope.ALERT, Scope.READ))
    configuration = GatewayConfiguration(tokens=(caller,), alerts=(RULE,), requests_per_minute=1000)
    stack = rig.stage.stack
    app = make_gateway(
        configuration, load_estate(stack.estate), SurgeRuns(stack.api_url, configuration.deployment)
    )
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as client:
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
