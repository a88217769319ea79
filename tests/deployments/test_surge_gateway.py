"""The surge gateway: what starts a surge, what starts none, and what nobody is told."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from deployments.deploy import ROOT
from deployments.surge_gateway.access import Scope, hashed, new_token
from deployments.surge_gateway.allowance import Allowance
from deployments.surge_gateway.configuration import load_configuration
from deployments.surge_gateway.refusals import Refusal
from springtide.errors import Misconfigured
from springtide.estate import load_estate
from tests.deployments.gateway import ESTATE, Stage, alarm, an_alert, gateway_stage

ORDER: dict[str, Any] = {
    "fleet": "api",
    "servers": 120,
    "hours": 3,
    "reason": "schools are closed",
}
KEY = {"Idempotency-Key": "lockdown"}
A_TOKEN = "{name: a, sha256: '" + "0" * 64 + "', scopes: [surges:start]}"
"""An entry of the configuration."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A gateway that nobody has called."""
    with gateway_stage() as found:
        yield found


def ask(stage: Stage, order: object = None, *, key: str = "lockdown", **more: Any) -> Any:  # noqa: ANN401 - an answer
    """The answer to an order for a surge."""
    headers = {
        **stage.bearer(),
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    return stage.client.post("/surges", headers=headers, **({"json": order or ORDER} | more))


def test_an_order_starts_one_surge(stage: Stage) -> None:
    """Asked for again it is the same; the caller's name is its owner."""
    first, second = ask(stage), ask(stage)
    assert [202, 202] == [first.status_code, second.status_code]
    assert first.json() == second.json()
    (run,) = stage.prefect.runs.values()
    assert {**ORDER, "regions": [], "owner": "gateway: shop", "key": "lockdown"} == run[
        "parameters"
    ]


def test_another_order_under_the_same_key_is_refused(stage: Stage) -> None:
    """What runs under a key is not changed."""
    ask(stage)
    refused = ask(stage, ORDER | {"servers": 121})
    assert 409 == refused.status_code
    assert 1 == len(stage.prefect.runs)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("SCHEDULED", "accepted"),
        ("PENDING", "accepted"),
        ("RUNNING", "running"),
        ("PAUSED", "waits for approval"),
        ("COMPLETED", "completed"),
        ("FAILED", "failed"),
        ("CRASHED", "failed"),
        ("CANCELLED", "failed"),
    ],
)
def test_the_state_of_a_surge_is_read(stage: Stage, state: str, told: str) -> None:
    """In the words of whoever waits for it."""
    ask(stage)
    (run,) = stage.prefect.runs.values()
    run["state"] = {"type": state, "message": "100 of 120 serve"}
    found = stage.client.get("/surges/lockdown", headers=stage.bearer(Scope.READ)).json()
    assert (told, "100 of 120 serve") == (found["state"], found["message"])


def test_a_surge_that_nobody_asked_for_is_not_found(stage: Stage) -> None:
    """Other runs of Prefect are not to be read here."""
    answer = stage.client.get("/surges/other", headers=stage.bearer(Scope.READ))
    assert 404 == answer.status_code


BAD_ORDERS = [
    pytest.param({"servers": 10_001}, "servers", id="absurd"),
    pytest.param({"servers": 301}, "servers: given 301, must be 1 to 300", id="above the fleet"),
    pytest.param({"servers": 0}, "servers", id="none"),
    pytest.param({"servers": -5}, "servers", id="fewer than none"),
    pytest.param({"servers": "120"}, "servers", id="text"),
    pytest.param({"servers": 1.5}, "servers", id="half a server"),
    pytest.param({"servers": None}, "servers", id="null"),
    pytest.param({"hours": -1}, "hours", id="negative hours"),
    pytest.param({"hours": 0}, "hours", id="no hours"),
    pytest.param({"hours": 745}, "hours", id="too long"),
    pytest.param({"hours": float("nan")}, "hours", id="not a number"),
    pytest.param({"hours": float("inf")}, "hours", id="for ever"),
    pytest.param({"hours": "3"}, "hours", id="hours as text"),
    pytest.param({"hours": True}, "hours", id="hours as a truth"),
    pytest.param({"reason": ""}, "reason", id="no reason"),
    pytest.param({"reason": "abc\0def"}, "reason", id="what a database refuses"),
    pytest.param({"reason": "schools\nrefused=200"}, "reason", id="two lines"),
    pytest.param({"reason": "x" * 501}, "reason", id="a novel"),
    pytest.param({"fleet": "nobody"}, "no fleet 'nobody'", id="unknown fleet"),
    pytest.param({"regions": ["LON1"]}, "regions: given LON1, each once of", id="elsewhere"),
    pytest.param({"owner": "the boss"}, "owner", id="an owner of its own"),
    pytest.param({"dry_run": True}, "dry_run", id="unknown field"),
]


@pytest.mark.parametrize(("changes", "why"), BAD_ORDERS)
def test_a_bad_order_starts_nothing(
    stage: Stage, changes: dict[str, object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told which field is wrong, it is logged, and Prefect hears nothing of it."""
    with caplog.at_level(logging.WARNING, "deployments.surge_gateway"):
        answer = ask(stage, content=json.dumps(ORDER | changes), json=None)
    assert 422 == answer.status_code
    assert why in answer.text
    assert "refused=422 caller=shop" in caplog.text
    assert [] == stage.prefect.calls


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param("", 422, id="empty"),
        pytest.param("{", 422, id="broken"),
        pytest.param("[]", 422, id="a list"),
        pytest.param("null", 422, id="nothing"),
        pytest.param(json.dumps(ORDER | {"reason": "x" * 1_100_000}), 413, id="oversize"),
    ],
)
def test_a_body_that_is_no_order(
    stage: Stage, content: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Broken, empty or too large: a clear refusal, and logged."""
    with caplog.at_level(logging.WARNING, "deployments.surge_gateway"):
        assert status == ask(stage, content=content, json=None).status_code
    assert f"refused={status}" in caplog.text
    assert {} == stage.prefect.runs


@pytest.mark.parametrize(
    "changes", [{"x\nrefused=0": 1}, {"regions": ["A\nrefused=0"]}], ids=["a field", "a value"]
)
def test_no_caller_writes_lines_of_the_log(
    stage: Stage, changes: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """What was sent stands quoted in the one line of its refusal."""
    with caplog.at_level(logging.WARNING, "deployments.surge_gateway"):
        assert 422 == ask(stage, ORDER | changes).status_code
    assert [1] == [len(record.getMessage().splitlines()) for record in caplog.records]


def test_no_caller_fills_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Of thousands of mistakes the first ones are logged; the caller is told them all."""
    wrong = {f"field {number}": number for number in range(2000)}
    with caplog.at_level(logging.WARNING, "deployments.surge_gateway"):
        answer = ask(stage, ORDER | wrong)
    assert (422, 2000) == (answer.status_code, len(answer.json()["mistakes"]))
    (record,) = caplog.records
    assert "field 0" in record.getMessage()
    assert len(record.getMessage()) < 1500


def test_a_body_without_a_length_is_bounded_too(stage: Stage) -> None:
    """What comes in pieces is counted while it comes."""
    answer = ask(stage, content=iter([b"x" * 600_000, b"x" * 600_000]), json=None)
    assert 413 == answer.status_code


@pytest.mark.parametrize("key", ["", "Has Blanks", "x" * 81, "-begins", "über"])
def test_a_key_has_a_form(stage: Stage, key: str) -> None:
    """Without one, an order that is sent again would be another surge."""
    assert 422 == ask(stage, key=key.encode() if not key.isascii() else key).status_code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(None, 401, id="missing"),
        pytest.param("Bearer ", 401, id="empty"),
        pytest.param("Bearer wrong", 401, id="wrong"),
        pytest.param("Basic c2hvcDpzaG9w", 401, id="another kind"),
    ],
)
def test_who_is_not_known_is_refused(stage: Stage, header: str | None, status: int) -> None:
    """Wrong and missing tokens alike."""
    headers = {**KEY, **({"Authorization": header} if header else {})}
    answer = stage.client.post("/surges", headers=headers, json=ORDER)
    assert (status, "Bearer") == (answer.status_code, answer.headers["WWW-Authenticate"])
    assert {} == stage.prefect.runs


@pytest.mark.parametrize("scope", [Scope.READ, Scope.ALERT])
def test_another_scope_is_refused(stage: Stage, scope: Scope) -> None:
    """Who may read or alert may not start."""
    answer = stage.client.post("/surges", headers={**stage.bearer(scope), **KEY}, json=ORDER)
    assert 403 == answer.status_code
    assert {} == stage.prefect.runs


def test_a_token_may_be_for_some_fleets_only() -> None:
    """Those that its entry names."""
    token, digest = new_token()
    entry = {"name": "shop", "sha256": digest, "scopes": ["surges:start"], "fleets": ["web"]}
    with gateway_stage(tokens=[entry]) as stage:
        headers = {"Authorization": f"Bearer {token}", **KEY}
        assert 403 == stage.client.post("/surges", headers=headers, json=ORDER).status_code


def test_a_surge_of_another_fleet_is_not_read() -> None:
    """Whoever may not ask for a fleet is not told what was asked for it."""
    (eyes, seen), (shop, kept) = new_token(), new_token()
    tokens = [
        {"name": "eyes", "sha256": seen, "scopes": ["surges:read"], "fleets": ["web"]},
        {"name": "shop", "sha256": kept, "scopes": ["surges:start", "surges:read"]},
    ]
    with gateway_stage(tokens=tokens) as stage:
        owner, other = ({"Authorization": f"Bearer {token}"} for token in (shop, eyes))
        stage.client.post("/surges", headers={**owner, **KEY}, json=ORDER)
        codes = [
            stage.client.get("/surges/lockdown", headers=headers).status_code
            for headers in (owner, other)
        ]
    assert [200, 404] == codes


def test_a_run_that_crashed_is_started_again(stage: Stage) -> None:
    """It may have died before it stored its claim; a bounded number of times, and by its key."""
    for _ in range(4):
        answer = ask(stage).json()
        newest = list(stage.prefect.runs.values())[-1]
        newest["state"] = {"type": "CRASHED", "message": "killed"}
    keys = ["surge-lockdown", "surge-lockdown/2", "surge-lockdown/3"]
    found = stage.client.get("/surges/lockdown", headers=stage.bearer(Scope.READ)).json()
    assert keys == list(stage.prefect.runs)
    assert {"lockdown"} == {run["parameters"]["key"] for run in stage.prefect.runs.values()}
    assert ("failed", answer["run"]) == (found["state"], found["run"])


def test_what_failed_is_not_started_again(stage: Stage) -> None:
    """A person refused it, or its claim stands and the keeping tries again."""
    ask(stage)
    (run,) = stage.prefect.runs.values()
    run["state"] = {"type": "FAILED", "message": "refused by the one on call"}
    assert ("failed", run["id"]) == (ask(stage).json()["state"], run["id"])
    assert 1 == len(stage.prefect.runs)


def test_an_allowance_is_of_an_hour() -> None:
    """Both sides of its bounds; what was let in may come again, and doors do not share it.

    A clock that was set back forgets, and keeps nobody out.
    """
    now = [0.0]
    allowance = Allowance(2, clock=lambda: now[0])
    for door, key in (("a", "1"), ("a", "2"), ("a", "1"), ("b", "3")):
        allowance.admit(door, key)
    now[0] = 3599.0
    with pytest.raises(Refusal) as refused:
        allowance.admit("a", "3")
    assert (429, {"Retry-After": "2"}) == (refused.value.status, refused.value.headers)
    now[0] = 3600.0
    for key in ("3", "5"):
        allowance.admit("a", key)
    now[0] = 3599.0
    allowance.admit("a", "4")


def test_each_caller_has_a_rate(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond it 429 with the time to wait; the token is in no log."""
    with gateway_stage(requests_per_minute=3) as stage:
        codes = [ask(stage).status_code for _ in range(5)]
        answer = ask(stage)
        others = stage.client.get("/surges/lockdown", headers=stage.bearer(Scope.READ))
        tokens = stage.tokens.values()
    assert [202, 202, 202, 429, 429] == codes
    assert "60" == answer.headers["Retry-After"]
    assert 200 == others.status_code
    assert [] == [token for token in tokens if token in caplog.text]


@pytest.mark.parametrize(
    ("status", "told"),
    [(500, 503), (503, 503), (429, 503), (404, 503), (401, 502), (422, 502)],
)
def test_prefects_troubles_are_told(stage: Stage, status: int, told: int) -> None:
    """What may pass is 503: the same order can be sent again."""
    stage.prefect.status = status
    answer = ask(stage)
    assert told == answer.status_code
    assert ("5" if told == 503 else None) == answer.headers.get("Retry-After")


def test_a_moment_in_which_prefect_is_busy_is_waited_for(stage: Stage) -> None:
    """On SQLite it answers 503 while its database is locked."""
    stage.prefect.busy = 3
    assert 202 == ask(stage).status_code


def test_only_surges_are_asked_of_prefect(stage: Stage) -> None:
    """Its one deployment and that deployment's runs."""
    ask(stage)
    alarm(stage, an_alert())
    stage.client.get("/surges/lockdown", headers=stage.bearer(Scope.READ))
    paths = {call.replace("-", "").rstrip("0123456789abcdef") for call in stage.prefect.calls}
    assert all("deployment" in path or path == "POST /api/flow_runs/filter" for path in paths)


def test_the_shipped_configuration_fits_the_shipped_estate() -> None:
    """Its example token is nobody's."""
    path = ROOT / "deployments" / "surge-gateway.yaml"
    found = load_configuration(path, load_estate(ESTATE))
    assert ["example"] == [token.name for token in found.tokens]
    assert hashed("") != found.tokens[0].sha256


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("tokens: []", "tokens", id="nobody may call"),
        pytest.param("nonsense: 1", "nonsense: is not a field", id="unknown"),
        pytest.param("[", "is not YAML", id="no YAML"),
        pytest.param("", "fields are wanted at the top", id="empty"),
        pytest.param(
            f"tokens: [{A_TOKEN}]\nalerts: []\ntokens: []",
            "the key tokens stands twice in line 3",
            id="two lists of tokens, of which YAML would keep the last",
        ),
        pytest.param(
            f"tokens: [{A_TOKEN.replace('}', ', fleets: [api, apii]}')}]",
            "tokens.0: fleet: no fleet 'apii' in the estate (allowed: api, web)",
            id="a token for no fleet",
        ),
        pytest.param(
            f"tokens: [{A_TOKEN}]\nalerts: [{{alert: A, fleet: apii, servers: 9, hours: 1}}]",
            "alerts.0: fleet: no fleet 'apii' in the estate (allowed: api, web)",
            id="an alert for no fleet",
        ),
        pytest.param(
            f"tokens: [{A_TOKEN}]\nalerts: [{{alert: A, fleet: web, servers: 9, hours: 1}}]",
            "alerts.0: fleet web has no surges: its estate entry lacks `surge`",
            id="an alert for a fleet without surges",
        ),
        pytest.param(
            f'tokens: [{A_TOKEN}]\nalerts: [{{alert: "A\\t", fleet: api, servers: 9, hours: 1}}]',
            r"alerts.0.alert: given 'A\t', must be of the pattern",
            id="an alert of more than a line",
        ),
        pytest.param(
            f"tokens: [{A_TOKEN}]\nalerts: [{{alert: A, fleet: api, servers: 301, hours: 1}}]",
            "alerts.0: servers: given 301, must be 1 to 300, the most of fleet api",
            id="more than the fleet",
        ),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, why: str) -> None:
    """By its field, before the gateway starts."""
    path = tmp_path / "gateway.yaml"
    path.write_text(text, "utf-8")
    estate = load_estate(ESTATE)
    web = estate.fleet("api").model_copy(update={"name": "web", "surge": None})
    estate = estate.model_copy(update={"fleets": (*estate.fleets, web)})
    with pytest.raises(Misconfigured, match=re.escape(why)):
        load_configuration(path, estate)


REFUSED_BY = (400, 401, 403, 404, 405, 409, 413, 422, 429)
REFUSING = SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": list(REFUSED_BY)}}}
)
"""By default it counts a 5xx as a refusal, and 413 not: a wrong body may be too large, too."""


@pytest.mark.parametrize(
    ("path", "method", "scope"),
    [
        pytest.param("/surges", "POST", Scope.START, id="surges"),
        pytest.param("/surges/{key}", "GET", Scope.READ, id="a surge"),
        pytest.param("/alerts/alertmanager", "POST", Scope.ALERT, id="alerts"),
        pytest.param("/health", "GET", Scope.READ, id="health"),
    ],
)
def test_whatever_is_sent_is_answered_as_the_schema_says(
    stage: Stage, path: str, method: str, scope: Scope
) -> None:
    """Never a 5xx, and no answer that the schema does not know."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", stage.client.app, config=REFUSING)
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    cases = [
        # Made once: it takes longer than all that is drawn of it.
        schema[path][method].as_strategy(generation_mode=mode)
        for mode in (modes if path != "/health" else modes[:1])
    ]

    @settings(
        max_examples=80,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(case=st.one_of(cases))
    def is_answered(case: schemathesis.Case) -> None:
        # What the estate cannot serve fits the schema and is refused all the same.
        case.call_and_validate(
            headers=stage.bearer(scope), excluded_checks=[positive_data_acceptance]
        )

    is_answered()
