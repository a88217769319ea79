"""A fleet at a glance, as an artifact that every run renews."""

from prefect import task
from prefect.artifacts import acreate_markdown_artifact

from springtide.model.glance import FleetGlance
from springtide.model.plan import RoundPlan
from springtide.planning.fleet_glance import coming_evenings, glance_markdown, glance_sections
from springtide.planning.telling import plan_summary
from tasks.prefect_api import own_server
from tasks.watch import FleetWatch


async def renew_glance(watch: FleetWatch, plan: RoundPlan) -> None:
    """Show the fleet as the watch saw it last, with its last runs and what the sweep has shown."""
    if watch.last is None:
        return
    decider = watch.decider("")
    glance = FleetGlance(
        plan=plan,
        observation=watch.last,
        evenings=coming_evenings(decider.windows, decider.calendar, watch.last.now),
    )
    async with own_server() as server:
        runs = await server.last_runs(watch.fleet.name)
        leftovers = await server.shown("leftovers")
    glance = glance.model_copy(update={"runs": runs, "leftovers": leftovers})
    screen = glance_markdown(glance_sections(glance, watch.fleet))
    await show_glance(watch.fleet.name, screen, plan_summary(plan))


@task(task_run_name="show {fleet} at a glance")
async def show_glance(fleet: str, markdown: str, summary: str) -> None:
    """Put the screen in place of the one before."""
    await acreate_markdown_artifact(markdown, key=f"fleet-{fleet}", description=summary)
