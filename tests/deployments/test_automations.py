"""What Prefect's server does by itself: judged by the server's own reading of the triggers."""

import ast
from datetime import UTC, datetime, timedelta
from inspect import isfunction
from uuid import UUID, uuid4

import pytest
from prefect import states
from prefect.server.events.schemas.automations import EventTrigger, Posture
from prefect.server.events.schemas.events import ReceivedEvent, RelatedResource, Resource
from prefect.settings import PREFECT_UI_URL, temporary_settings
from prefect.states import Cancelled, Completed, Crashed, Failed, Suspended

from deployments.automations import (
    HEARTBEAT_S,
    NOTICE_TAG,
    SILENCE_S,
    all_automations,
    end_zombies,
    tell_approvals,
    tell_budgets,
    tell_failures,
)
from deployments.deploy import ROOT
from deployments.wanted import all_tags
from tasks.budgets import EVENT

NOTICE_ID = UUID(int=7)
RUN = f"prefect.flow-run.{uuid4()}"
MAKERS = {name for name, made in vars(states).items() if isfunction(made) and name[0].isupper()}
"""The functions that make states of each name."""
TAG = "evening_window"
OWN_ENDS = {"Completed", "Failed"}
"""States that the flows make themselves; the engine, the worker and people add the others."""


def zombies() -> EventTrigger:
    """The trigger of the zombie automation as the server reads it."""
    return EventTrigger.model_validate(end_zombies((TAG,)).trigger.model_dump(mode="json"))


def failures() -> EventTrigger:
    """The trigger of the notices as the server reads it."""
    trigger = tell_failures(NOTICE_ID, (TAG,)).trigger
    return EventTrigger.model_validate(trigger.model_dump(mode="json"))


def approvals() -> EventTrigger:
    """The trigger of the notices about what waits for a signature."""
    trigger = tell_approvals(NOTICE_ID, (TAG,)).trigger
    return EventTrigger.model_validate(trigger.model_dump(mode="json"))


def an_event(name: str, *tags: str, resource: str = RUN) -> ReceivedEvent:
    """An event of a flow run whose deployment has those tags."""
    related = [
        RelatedResource(
            {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
        )
        for tag in tags
    ]
    return ReceivedEvent(
        occurred=datetime.now(UTC),
        event=name,
        resource=Resource({"prefect.resource.id": resource}),
        related=related,
        id=uuid4(),
    )


@pytest.mark.parametrize("end", [state().name for state in (Completed, Failed, Cancelled, Crashed)])
def test_every_end_of_a_run_is_an_end_for_the_zombie_automation(end: str) -> None:
    """A run that ended is not taken for dead, by whichever state it ended."""
    assert zombies().expects(f"prefect.flow-run.{end}")


def test_the_flows_end_in_no_other_state() -> None:
    """A state with a name of its own, a retry or a time-out would look like silence."""
    assert [] == [
        said
        for path in (ROOT / "flows").glob("*.py")
        for said in unusual_ends(path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("return Completed(message='x')", [], id="ordinary"),
        pytest.param("return Failed(name='Late')", ["Failed(name='Late')"], id="a name of its own"),
        pytest.param("return Paused()", ["Paused()"], id="another state"),
        pytest.param("flow(timeout_seconds=9)", ["flow(timeout_seconds=9)"], id="a time-out"),
        pytest.param("flow(retries=1)", ["flow(retries=1)"], id="a retry"),
    ],
)
def test_an_unusual_end_is_recognised(source: str, expected: list[str]) -> None:
    """The search through the flows finds what it looks for."""
    assert expected == unusual_ends(source)


def unusual_ends(source: str) -> list[str]:
    """Calls by which a flow would end in another state than a plain Completed or Failed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        keywords = {k.arg for k in node.keywords}
        made = node.func.id in MAKERS and (node.func.id not in OWN_ENDS or "name" in keywords)
        timed = node.func.id == "flow" and keywords & {"timeout_seconds", "retries"}
        if made or timed:
            found.append(ast.unparse(node))
    return found


def test_a_live_run_is_given_three_heartbeats() -> None:
    """Prefect's own advice: below three missed heartbeats, live runs are taken for dead."""
    assert zombies().within >= timedelta(seconds=3 * HEARTBEAT_S)
    assert timedelta(seconds=SILENCE_S) == zombies().within


def test_silence_is_counted_for_each_run_from_its_heartbeat_on() -> None:
    """Another run's heartbeat does not keep a zombie alive, and only runs that began can die."""
    trigger = zombies()
    heartbeat = "prefect.flow-run.heartbeat"
    assert trigger.covers(an_event(heartbeat, TAG))
    assert (True, True) == (trigger.starts_after(heartbeat), trigger.expects(heartbeat))
    assert {"prefect.resource.id"} == trigger.for_each
    assert not trigger.starts_after("prefect.flow-run.Scheduled")
    assert not trigger.covers(an_event(heartbeat, TAG, resource=f"prefect.task-run.{uuid4()}"))


def test_a_run_of_somebody_else_is_left_alone() -> None:
    """A server that is shared: only runs of our own deployments are taken for dead."""
    assert not zombies().covers(an_event("prefect.flow-run.heartbeat", "nightly-report"))


@pytest.mark.parametrize(
    ("end", "tags", "told"),
    [
        pytest.param("Failed", (TAG,), True, id="a failed evening"),
        pytest.param("Crashed", (TAG,), True, id="a crashed evening"),
        pytest.param("Completed", (TAG,), False, id="a good evening"),
        pytest.param("Cancelled", (TAG,), False, id="somebody's own wish"),
        pytest.param("Failed", ("notices",), False, id="a failed notice"),
        pytest.param("Failed", (), False, id="a run of somebody else"),
    ],
)
def test_who_is_told_of(end: str, tags: tuple[str, ...], *, told: bool) -> None:
    """People hear of failed and crashed evenings, and of nothing else."""
    name = f"prefect.flow-run.{end}"
    event = an_event(name, *tags)
    assert told == (failures().expects(name) and failures().covers(event))


@pytest.mark.parametrize("tag", all_tags())
def test_a_run_of_whatever_deployment_is_watched(tag: str) -> None:
    """Killed with its worker it is ended; people hear of its failure unless it is the notice's."""
    read = [
        EventTrigger.model_validate(each.trigger.model_dump(mode="json"))
        for each in all_automations(NOTICE_ID, all_tags())
    ]
    silent, failed, waiting = (
        an_event(f"prefect.flow-run.{name}", tag) for name in ("heartbeat", "Failed", "Suspended")
    )
    ends, *tells = (
        any(trigger.covers(event) and begins(trigger, event.event) for trigger in read)
        for event in (silent, failed, waiting)
    )
    assert (True, [tag != NOTICE_TAG] * 2) == (ends, tells)


def begins(trigger: EventTrigger, event: str) -> bool:
    """Whether the trigger does something because of such an event, or of the silence after it."""
    return trigger.starts_after(event) if trigger.after else trigger.expects(event)


def test_what_people_are_told() -> None:
    """Flow, state and message go to the notice deployment as plain text."""
    (action,) = tell_failures(NOTICE_ID, (TAG,)).actions
    parameters = action.model_dump()["parameters"]
    assert NOTICE_ID == action.model_dump()["deployment_id"]
    assert {"subject", "body"} == set(parameters)
    assert "flow_run.state.message" in parameters["body"]["template"]


@pytest.mark.parametrize(
    ("state", "tags", "told"),
    [
        pytest.param(Suspended().name, (TAG,), True, id="a surge that waits"),
        pytest.param("Running", (TAG,), False, id="one that goes on"),
        pytest.param("Failed", (TAG,), False, id="one that nobody approved: told as a failure"),
        pytest.param(Suspended().name, (), False, id="a run of somebody else"),
    ],
)
def test_who_waits_for_a_signature(state: str, tags: tuple[str, ...], *, told: bool) -> None:
    """People hear of each run that waits, once; and at once, without a bucket of the server's."""
    name = f"prefect.flow-run.{state}"
    trigger, event = approvals(), an_event(name, *tags)
    assert told == (trigger.expects(name) and trigger.covers(event))
    assert (Posture.Reactive, 1, timedelta(0)) == (
        trigger.posture,
        trigger.threshold,
        trigger.within,
    )


def test_the_notice_leads_to_the_run_that_waits() -> None:
    """Where the one who deploys finds the UI; the server fills in flow, run and id."""
    with temporary_settings({PREFECT_UI_URL: "https://prefect.example.org"}):
        (action,) = tell_approvals(NOTICE_ID, (TAG,)).actions
    given = action.model_dump()["parameters"]
    assert "{{ flow.name }} waits for approval" == given["subject"]["template"]
    assert given["body"]["template"].startswith("{{ flow_run.name }}: ")
    page = "https://prefect.example.org/runs/flow-run/{{ flow_run.id }}"
    assert given["body"]["template"].endswith(page)


@pytest.mark.parametrize(
    ("name", "resource", "told"),
    [
        pytest.param(
            EVENT, "springtide.budget.month-2026-03-actual-50-of-100000", True, id="a share"
        ),
        pytest.param(EVENT, RUN, False, id="of something else"),
        pytest.param("springtide.other", "springtide.budget.month", False, id="another event"),
    ],
)
def test_a_budget_that_is_reached_is_told(name: str, resource: str, *, told: bool) -> None:
    """The event that the task emits starts a notice with its subject and body."""
    made = tell_budgets(NOTICE_ID)
    trigger = EventTrigger.model_validate(made.trigger.model_dump(mode="json"))
    event = an_event(name, resource=resource)
    assert told == (trigger.expects(name) and trigger.covers(event))
    (action,) = made.actions
    given = action.model_dump()["parameters"]
    assert "event.payload.body" in given["body"]["template"]
