"""What a person sees in the Prefect UI: the plan, the progress and the outcome as artifacts."""

from uuid import UUID

from prefect import task
from prefect.artifacts import (
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)

from springtide.model.plan import RoundPlan
from springtide.planning.telling import Row, plan_rows, plan_summary


@task(task_run_name="show plan of {plan.fleet}")
async def show_plan(plan: RoundPlan, note: str = "") -> None:
    """Show what is about to be done, and why, before anything is."""
    description = f"{plan_summary(plan)} {note}".strip()
    await acreate_table_artifact(plan_rows(plan), key=f"plan-{plan.fleet}", description=description)


@task(task_run_name="show {key}")
async def show_table(key: str, rows: list[Row], summary: str) -> None:
    """Show a table; each run adds a version to its history."""
    await acreate_table_artifact(rows, key=key, description=summary)


@task(task_run_name="show what is stored")
async def show_entries(rows: list[Row], summary: str) -> None:
    """Show claims, ceilings, freezes and rollouts with their names."""
    await acreate_table_artifact(rows or [{"name": "nothing"}], key="entries", description=summary)


class Progress:
    """A progress bar in the UI, drawn anew only when it moves."""

    def __init__(self, fleet: str) -> None:
        """Nothing is shown yet."""
        self._fleet = fleet
        self._artifact: UUID | None = None
        self._shown: tuple[float, str] | None = None

    async def show(self, percent: float, text: str) -> None:
        """Show how far it is; the same again costs nothing."""
        if self._shown == (percent, text):
            return
        self._shown = (percent, text)
        if self._artifact is None:
            self._artifact = await acreate_progress_artifact(
                progress=percent, key=f"progress-{self._fleet}", description=text
            )
        else:
            await aupdate_progress_artifact(
                artifact_id=self._artifact, progress=percent, description=text
            )
