"""What Prefect's server does by itself: end zombies, and have people told of what wants them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events import AutomationCore, EventTrigger, Posture
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.utilities.urls import url_for

from tasks.budgets import EVENT

HEARTBEAT_S = 30
"""`PREFECT_FLOWS_HEARTBEAT_FREQUENCY` of every worker: the least that Prefect allows."""
SILENCE_S = 4 * HEARTBEAT_S
"""Below three heartbeats live runs are taken for dead."""
NOTICE = "send-notice/webhook"
"""The deployment that tells people; its own failures start no notice."""
NOTICE_TAG = "notices"
"""Its tag."""

_ENDS = frozenset(
    f"prefect.flow-run.{end}"
    for end in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")
)
_HEARTBEAT = "prefect.flow-run.heartbeat"


def end_zombies(watched: tuple[str, ...]) -> AutomationCore:
    """Tagged runs whose heartbeat stopped without an end are crashed: worker and flow died."""
    return AutomationCore(
        name="springtide: end zombies",
        description=f"No heartbeat for {SILENCE_S} s and no end: worker and flow died together.",
        trigger=EventTrigger(
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *_ENDS},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=_tagged(watched),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_S),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message=f"no heartbeat for {SILENCE_S} seconds"
            )
        ],
    )


def tell_failures(notice_id: UUID, watched: tuple[str, ...]) -> AutomationCore:
    """Failed and crashed runs of the deployments tagged with `watched` start a notice."""
    return AutomationCore(
        name="springtide: tell failures",
        description="A run failed or crashed: start send-notice on the worker.",
        trigger=_becoming(watched, "Failed", "Crashed"),
        actions=[
            _notice(
                notice_id,
                subject="{{ flow.name }}: {{ flow_run.state.name }}",
                body="{{ flow_run.name }}: {{ flow_run.state.message }}",
            )
        ],
    )


def tell_approvals(notice_id: UUID, watched: tuple[str, ...]) -> AutomationCore:
    """Such runs start a notice when they wait for a signature: they do not wait for long.

    The page is where whoever deploys finds the UI: the server may know no address of its own.
    """
    page = url_for("flow-run", obj_id="{{ flow_run.id }}") or "the run's page"
    return AutomationCore(
        name="springtide: tell approvals",
        description="A run waits for a signature: start send-notice on the worker.",
        trigger=_becoming(watched, "Suspended"),
        actions=[
            _notice(
                notice_id,
                subject="{{ flow.name }} waits for approval",
                body=f"{{{{ flow_run.name }}}}: what is to be signed, and how, says {page}",
            )
        ],
    )


def tell_budgets(notice_id: UUID) -> AutomationCore:
    """A share of a budget that is reached starts a notice; the event comes once for each share."""
    return AutomationCore(
        name="springtide: tell budgets",
        description="A share of a budget of cost is reached: start send-notice on the worker.",
        trigger=EventTrigger(
            expect={EVENT},
            match={"prefect.resource.id": "springtide.budget.*"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            _notice(
                notice_id,
                subject="{{ event.payload.subject }}",
                body="{{ event.payload.body }}",
            )
        ],
    )


def all_automations(notice_id: UUID, tags: tuple[str, ...]) -> tuple[AutomationCore, ...]:
    """Every automation, over the runs of deployments with one of these tags."""
    told = tuple(tag for tag in tags if tag != NOTICE_TAG)
    return (
        end_zombies(tags),
        tell_failures(notice_id, told),
        tell_approvals(notice_id, told),
        tell_budgets(notice_id),
    )


async def put_automations(
    client: PrefectClient, tags: tuple[str, ...], *, tell: Callable[[str], None]
) -> None:
    """The automations stand as written here; one that somebody switched off stays off, and is told.

    What stands so already is left alone: with an automation the server forgets which runs it waits
    to hear of, and those that are silent just then would never be ended.
    """
    notice = await client.read_deployment_by_name(NOTICE)
    for wanted in all_automations(notice.id, tags):
        standing = await client.read_automations_by_name(wanted.name)
        enabled = all(each.enabled for each in standing)
        if not enabled:
            tell(f"stays off: the automation {wanted.name}")
        if [_said(each) for each in standing] == [_said(wanted)]:
            continue
        for old in standing:
            await client.delete_automation(old.id)
        await client.create_automation(wanted.model_copy(update={"enabled": enabled}))


def _said(automation: AutomationCore) -> dict[str, Any]:
    """All but what the server gives to it, and what people do."""
    return automation.model_dump(exclude={"id", "enabled", "owner_resource"})


def _becoming(watched: tuple[str, ...], *states: str) -> EventTrigger:
    """Fires at once for each such run that comes into one of these states."""
    return EventTrigger(
        expect={f"prefect.flow-run.{state}" for state in states},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=_tagged(watched),
        posture=Posture.Reactive,
        threshold=1,
    )


def _tagged(tags: tuple[str, ...]) -> dict[str, str | list[str]]:
    """Only runs with one of these tags: the server may have other people's runs too."""
    return {
        "prefect.resource.role": "tag",
        "prefect.resource.id": [f"prefect.tag.{tag}" for tag in tags],
    }


def _notice(notice_id: UUID, *, subject: str, body: str) -> RunDeployment:
    """Starts the notice with these templates filled in."""
    parameters = {"subject": _text(subject), "body": _text(body)}
    return RunDeployment(source="selected", deployment_id=notice_id, parameters=parameters)


def _text(template: str) -> dict[str, str]:
    return {"__prefect_kind": "jinja", "template": template}
