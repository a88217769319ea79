"""What `prefect deploy` leaves undone on a server that knows the deployments already.

It changes the schedules that it is given and adds new ones, but removes none that have gone from
the file, and leaves those of deployments that are wanted no more; and it wakes up a deployment that
somebody has paused.
"""

from collections.abc import Callable, Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse

from deployments.wanted import title

_FLOWS = "flows/"
"""Where the entrypoints of our deployments begin: others may be in the same pool."""


async def remove_unwanted_schedules(
    client: PrefectClient,
    found: Sequence[DeploymentResponse],
    wanted: list[dict[str, Any]],
    *,
    tell: Callable[[str], None],
) -> None:
    """Our deployments have no schedule that their entry in the file lacks; each removal is told.

    To be done before `prefect deploy`: beside a schedule without a slug, such as people make in the
    UI, the server makes all of a deployment's schedules anew, and those that were paused tick.
    """
    slugs = {
        _key(each): {schedule.get("slug") for schedule in each.get("schedules") or ()}
        for each in wanted
    }
    for deployment in filter(_is_ours, found):
        kept = slugs.get((deployment.entrypoint or "", deployment.name), set())
        for schedule in deployment.schedules:
            if schedule.slug not in kept:
                await client.delete_deployment_schedule(deployment.id, schedule.id)
                # The server forgets the runs that were due and had not begun as well.
                tell(f"removed: {_shown(deployment, schedule)}, and what waited to run by schedule")


def with_pauses(
    wanted: list[dict[str, Any]], found: Sequence[DeploymentResponse]
) -> list[dict[str, Any]]:
    """The entries, each paused whose deployment is paused on the server."""
    paused = {(each.entrypoint, each.name) for each in found if each.paused}
    return [each | {"paused": True} if _key(each) in paused else each for each in wanted]


def pauses_told(found: Sequence[DeploymentResponse]) -> list[str]:
    """A line for each of our deployments and schedules that does not tick as somebody paused it."""
    told = []
    for deployment in filter(_is_ours, found):
        if deployment.paused and deployment.schedules:
            told.append(f"stays paused: {_titled(deployment)}, with all of its schedules")
        told += [
            f"stays paused: {_shown(deployment, schedule)}"
            for schedule in deployment.schedules
            if not schedule.active
        ]
    return told


def _is_ours(deployment: DeploymentResponse) -> bool:
    return (deployment.entrypoint or "").startswith(_FLOWS)


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["entrypoint"], entry["name"]


def _shown(deployment: DeploymentResponse, schedule: DeploymentSchedule) -> str:
    called = schedule.slug or getattr(schedule.schedule, "cron", "one without a slug")
    return f"the schedule {called} of {_titled(deployment)}"


def _titled(deployment: DeploymentResponse) -> str:
    return title(deployment.entrypoint or "", deployment.name)
