"""Whether the pupils of a rehearsed year were served."""

from datetime import date, datetime

from springtide.model.cost_figures import ServiceFigures
from springtide.model.window import Evening
from springtide.planning.cost_service import PATIENCE
from springtide.simulation.school_year import STEP, SchoolYear


def year_service(year: SchoolYear, *, first: date, last: date) -> ServiceFigures:
    """Late openings, seconds short of capacity and lost sessions, from `first` to `last`."""
    opened = [evening for evening in year.evenings if first <= evening.date <= last]
    serving = {step.at + STEP: step.serving for step in year.steps}
    steps = [step for step in year.steps if first <= step.at.date() <= last]
    return ServiceFigures(
        evenings=len(opened),
        late_openings=sum(_is_late(evening, serving) for evening in opened),
        seconds_short=sum(step.lost > 0 for step in steps) * int(STEP.total_seconds()),
        connections=sum(step.arrived for step in steps),
        failed_requests=sum(step.lost for step in steps),
    )


def _is_late(evening: Evening, serving: dict[datetime, int]) -> bool:
    """Whether fewer than its servers served ten minutes after its start."""
    return serving.get(evening.opens_at + PATIENCE, 0) < evening.servers
