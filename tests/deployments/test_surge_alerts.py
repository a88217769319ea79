"""Alerts through the surge gateway: which of them ask for a surge, which for the same one."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.surge_gateway.bodies import Alert
from tests.deployments.gateway import Stage, alarm, an_alert, gateway_stage

BEGAN = datetime(2026, 11, 23, 15, 4, 5, 123000, tzinfo=UTC)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A gateway that nobody has called."""
    with gateway_stage() as found:
        yield found


def test_a_hundred_copies_of_an_alert_make_one_surge(stage: Stage) -> None:
    """Sent one after the other, at once, and in one message."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: alarm(stage, an_alert()), range(50)))
    answers.append(alarm(stage, *[an_alert() for _ in range(50)]))
    assert {202} == {answer.status_code for answer in answers}
    (run,) = stage.prefect.runs.values()
    assert (120, 3, "gateway: monitoring") == tuple(
        run["parameters"][name] for name in ("servers", "hours", "owner")
    )


@pytest.mark.parametrize(
    ("changes", "surges"),
    [
        pytest.param({}, 1, id="firing"),
        pytest.param({"status": "resolved"}, 0, id="resolved: its claim expires"),
        pytest.param({"labels": {"alertname": "DiskFull"}}, 0, id="not configured"),
        pytest.param({"labels": {}}, 0, id="no name"),
    ],
)
def test_which_alerts_ask_for_a_surge(stage: Stage, changes: dict[str, Any], surges: int) -> None:
    """Firing ones of configured names."""
    answer = alarm(stage, an_alert(**changes)).json()
    assert (surges, 1 - surges) == (len(answer["surges"]), answer["ignored"])
    assert surges == len(stage.prefect.runs)


def test_a_storm_of_alerts_is_no_storm_of_runs() -> None:
    """Some ask for the surge that all of them mean; an alert of another name has its own room."""
    rules = [
        {"alert": name, "fleet": "api", "servers": 120, "hours": 3}
        for name in ("ApiServersSaturated", "QueueTooLong")
    ]
    other = an_alert(labels={"alertname": "QueueTooLong"}, fingerprint="ab" * 8)
    storm = [an_alert(fingerprint=f"{number:016x}") for number in range(100)]
    with gateway_stage(alerts=rules, surges_per_hour=3) as stage:
        answer = alarm(stage, *storm, other)
        again = alarm(stage, storm[99])
        assert 4 == len(stage.prefect.runs)
    assert (4, 97) == (len(answer.json()["surges"]), len(answer.json()["refused"]))
    assert (202, 429) == (answer.status_code, again.status_code)


@pytest.mark.parametrize("hours", [1.5, 2.5, 3])
def test_what_a_storm_has_let_in_lasts_as_long_as_the_storm(hours: float) -> None:
    """Sent every ten minutes, each surge's next one begins before it ends; nobody else comes in."""
    rule = {"alert": "ApiServersSaturated", "fleet": "api", "servers": 120, "hours": hours}
    storm = [an_alert(fingerprint=f"{number:016x}") for number in range(30)]
    until, surges = 0.0, 0
    with gateway_stage(alerts=[rule], surges_per_hour=3) as stage:
        for minutes in range(0, 400, 10):
            stage.now = BEGAN + timedelta(minutes=minutes)
            answer = alarm(stage, *storm).json()
            assert (3, 27) == (len(answer["surges"]), len(answer["refused"]))
            if len(stage.prefect.runs) > surges:
                surges, until = len(stage.prefect.runs), minutes + hours * 60
            assert minutes + 10 <= until
        keys = [run["parameters"]["key"] for run in stage.prefect.runs.values()]
    assert 3 == len({re.sub(r"-\d$", "", key) for key in keys})


def test_a_place_is_free_once_its_alert_is_not_sent_any_more() -> None:
    """The storm moves on, and it is other servers that fire: after an hour, and half of one."""
    first, second = an_alert(fingerprint="ab" * 8), an_alert(fingerprint="cd" * 8)
    with gateway_stage(surges_per_hour=1) as stage:
        codes = []
        for minutes, alert in ((0, first), (50, first), (79, second), (80, second), (81, first)):
            stage.now = BEGAN + timedelta(minutes=minutes)
            codes.append(alarm(stage, alert).status_code)
    assert [202, 202, 429, 202, 429] == codes


def test_three_hundred_servers_that_fire_are_one_message(stage: Stage) -> None:
    """Each with the labels and annotations that a Prometheus has: no 413, which nobody repeats."""
    alerts = [an_alert_of_server(number) for number in range(300)]
    assert 180_000 < len(json.dumps(alerts)) < 260_000
    answer = alarm(stage, *alerts)
    found = answer.json()
    assert (202, 300) == (answer.status_code, len(found["surges"]) + len(found["refused"]))
    assert 12 == len(stage.prefect.runs)


def an_alert_of_server(number: int) -> dict[str, Any]:
    """An alert about one server of the fleet, in full."""
    server = f"api-{number:04}.gra11.servers.example.org:9182"
    said = f"{server} has more sessions open than one server carries, for five minutes"
    return an_alert(
        labels={
            "alertname": "ApiServersSaturated",
            "cluster": "production",
            "environment": "production",
            "fleet": "api",
            "instance": server,
            "job": "windows-exporter",
            "region": "GRA11",
            "severity": "page",
        },
        annotations={
            "description": said,
            "runbook_url": "https://runbooks.example.org/api-servers-saturated",
            "summary": "too many sessions",
        },
        generatorURL="http://prometheus.example.org:9090/graph?g0.expr=sessions+%3E+300&g0.tab=1",
        fingerprint=f"{number:016x}",
    )


def test_one_refused_alert_does_not_keep_others_from_it(stage: Stage) -> None:
    """E.g. its rule was changed while it fires: its surge stands as it was asked for."""
    alarm(stage, an_alert())
    (run,) = stage.prefect.runs.values()
    run["parameters"]["servers"] = 100
    answer = alarm(stage, an_alert(), an_alert(fingerprint="ab" * 8)).json()
    assert ([409], 1) == ([r["status"] for r in answer["refused"]], len(answer["surges"]))
    assert 2 == len(stage.prefect.runs)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_beyond_the_calendar_is_refused(stage: Stage, moment: str) -> None:
    """There is none of it in UTC."""
    assert 422 == alarm(stage, an_alert(startsAt=moment)).status_code


def test_the_same_alert_another_day_is_another_surge(stage: Stage) -> None:
    """Its fingerprint is of its labels alone and does not change."""
    alarm(stage, an_alert())
    alarm(stage, an_alert(startsAt="2026-11-24T15:04:05Z"))
    assert 2 == len(stage.prefect.runs)


@pytest.mark.parametrize(
    ("hours", "minutes", "after"),
    [
        pytest.param(3, -1, "", id="its clock is ahead"),
        pytest.param(3, 0, "", id="at once"),
        pytest.param(3, 60, "", id="after an hour"),
        pytest.param(3, 164.9, "", id="not yet"),
        pytest.param(3, 165, "-1", id="a quarter of an hour before the surge ends"),
        pytest.param(3, 170, "-1", id="when it is sent again"),
        pytest.param(3, 330, "-2", id="and the next one"),
        pytest.param(0.5, 22.4, "", id="half an hour: not yet"),
        pytest.param(0.5, 22.5, "-1", id="half an hour: after three quarters of it"),
        pytest.param(1e-300, 0.9, "", id="hardly any time: a minute at least"),
    ],
)
def test_an_alert_that_goes_on_has_surge_after_surge(
    hours: float, minutes: float, after: str
) -> None:
    """The next one is asked for before the last one ends; else the fleet would fall in between."""
    alert = Alert.model_validate(an_alert())
    key = alert.key_at(BEGAN + timedelta(minutes=minutes), hours=hours)
    assert f"alert-fd6fc1b2e3a4d5c6-20261123t150405{after}" == key


def test_the_key_of_an_alert_has_room_for_its_number() -> None:
    """However long the fingerprint, and however long it fires."""
    alert = Alert.model_validate(an_alert(fingerprint="f" * 64, startsAt="2000-01-01T00:00:00Z"))
    key = alert.key_at(BEGAN, hours=3)
    assert alert.name != Alert.model_validate(an_alert(fingerprint="f" * 64)).name
    assert 80 == len(key)
    assert re.search(r"-85\d{3}$", key)


def test_an_alert_that_outlasts_its_surge_is_another_run(stage: Stage) -> None:
    """After an hour it is the same surge, after 2 h 50 the next; each asks the month's budget."""
    for minutes in (0, 60, 170, 175):
        stage.now = BEGAN + timedelta(minutes=minutes)
        assert 202 == alarm(stage, an_alert()).status_code
    keys = [run["parameters"]["key"] for run in stage.prefect.runs.values()]
    assert ["alert-fd6fc1b2e3a4d5c6-20261123t150405" + n for n in ("", "-1")] == keys
