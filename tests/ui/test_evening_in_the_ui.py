"""An evening opened and closed in the Prefect UI, by what a person sees there."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from tests.deployments.rig import Rig
from tests.ui.prefect_pages import PrefectPages

pytestmark = pytest.mark.chromium

ASKED = 36
"""Six more than the window's own number."""
CANARIES = {f"launch {region} canary (1 server)" for region in ("gra11", "sbg5", "rbx1")}


@dataclass(frozen=True)
class Half:
    """What an opening or a closing showed once it had ended."""

    state: str
    name: str
    graph: list[str]
    """The names of the graph's first bars."""
    tasks: str
    progress: str
    outcome: dict[str, str]
    """Measures and values of its table."""


@dataclass(frozen=True)
class Evening:
    """All that was seen of it."""

    form: str
    under_way: str
    """The card of the progress while the opening ran."""
    opening: Half
    closing: Half


@pytest.fixture(scope="module")
def evening(rig: Rig, ui: PrefectPages) -> Evening:
    """An evening of more servers than usual: a person fills in the form, and closes later."""
    rig.begin()
    ui.open_form("open-evening-window")
    expect(ui.main).to_contain_text("Show the plan and change nothing")
    form = ui.main.inner_text()
    ui.page.get_by_role("tab", name="int").click()
    ui.page.get_by_role("spinbutton").fill(str(ASKED))
    ui.photograph("evening-form")
    # However slow the machine, the run is under way for as long as it is looked at.
    rig.hold("load-balancer", "PUT", "/members$", when="before")
    ui.start()
    rig.wait_held()
    under_way = seen_under_way(ui)
    rig.control("DELETE", "/faults")
    opening = seen(ui, "evening-window", ("launch gra11 wave 1", "join rbx1"))
    rig.stage.set_clock(rig.evening.claim_ends_at)
    ui.run_quickly("close-evening-window")
    closing = seen(ui, "evening-closed", ("leave gra11", "delete rbx1"))
    return Evening(form, under_way, opening, closing)


def seen_under_way(ui: PrefectPages) -> str:
    """What the card of the progress says while the run's page shows it running."""
    ui.wait_for(ui.main.get_by_text("Running", exact=True).first)
    ui.page.get_by_role("tab", name="Artifacts").click()
    card = ui.main.get_by_role("link", name=re.compile("progress-api"))
    ui.wait_for(card.get_by_text("desired"))
    ui.photograph("evening-under-way")
    return card.inner_text()


def seen(ui: PrefectPages, picture: str, tasks: tuple[str, ...]) -> Half:
    """What the pages of a run show after its end, and its list of tasks for what is sought."""
    state = ui.ended()
    name = ui.page.get_by_role("navigation", name="breadcrumb").inner_text()
    graph = ui.graph(5)
    ui.photograph(picture)
    names = "\n".join(ui.tasks_like(each) for each in tasks)
    ui.open_artifact("progress-api")
    expect(ui.main).to_contain_text("Progress:")
    progress = ui.main.inner_text()
    ui.page.go_back()
    ui.page.go_back()
    ui.open_artifact("outcome-api")
    outcome = ui.table()
    ui.photograph(f"{picture}-outcome")
    return Half(state, name, graph, names, progress, outcome)


def test_the_form_explains_itself(evening: Evening) -> None:
    """Each parameter has its name and says what it does."""
    told = ("Name of the fleet", "An order for more than", "Show the plan and change nothing")
    assert [] == [text for text in told if text not in evening.form]


def test_the_runs_are_seen_under_way_and_ended(evening: Evening) -> None:
    """What is desired and what there is, while it runs; the bar is full afterwards."""
    halves = evening.opening, evening.closing
    assert re.search(f"{ASKED} desired: .* Now: .*answering", evening.under_way)
    assert ["Completed"] * 2 == [half.state for half in halves]
    assert [True] * 2 == ["Progress: 100%" in half.progress for half in halves]


def test_names_tell_what_happens(evening: Evening) -> None:
    """Run, graph and list of tasks speak of windows, canaries, waves and regions."""
    opening, closing = evening.opening, evening.closing
    assert "open the window of api" in opening.name
    assert "close the window of api" in closing.name
    assert set() == CANARIES - set(opening.graph)
    assert [] == [
        text for text in ("launch gra11 wave 1 (", "join rbx1 (") if text not in opening.tasks
    ]
    assert {"drain gra11", "drain sbg5", "drain rbx1"} <= {
        " ".join(n.split()[:2]) for n in closing.graph
    }
    assert [] == [text for text in ("leave gra11 (", "delete rbx1 (") if text not in closing.tasks]


def test_the_outcome_is_read_in_its_table(evening: Evening) -> None:
    """All that were asked for serve; all of them are gone when the window is closed."""
    measures = ("desired", "serving", "launched", "deleted")
    assert ["36", "36", "36", "0"] == [evening.opening.outcome[m] for m in measures]
    assert ["0", "0", "0", "36"] == [evening.closing.outcome[m] for m in measures]


def test_a_form_with_gaps_is_refused(ui: PrefectPages) -> None:
    """What is missing is told at its field, and nothing starts."""
    ui.open_form("limit-fleet")
    ui.page.get_by_label("fleet").fill("api")
    ui.submit()
    missing = ui.main.get_by_text(re.compile("^'.*' is a required property$"))
    expect(missing).to_have_count(4)
    ui.photograph("refused-form")
    names = ("servers", "hours", "owner", "reason")
    assert [f"'{name}' is a required property" for name in names] == missing.all_inner_texts()


def test_a_wrong_number_is_told_on_the_runs_page(rig: Rig, ui: PrefectPages) -> None:
    """The run fails, and its page says which numbers would be right."""
    rig.begin()
    ui.open_form("open-evening-window")
    ui.page.get_by_role("tab", name="int").click()
    ui.page.get_by_role("spinbutton").fill("10001")
    ui.start()
    assert "Failed" == ui.ended()
    why = "servers 10001 is outside 1 to 300, the most of fleet api"
    expect(ui.tab("Details")).to_contain_text(why)
    ui.photograph("refused-run")


def test_the_schedule_shows_the_evenings_to_come(*, evenings_to_come: bool) -> None:
    """Nobody has to start an evening: the next ones are listed with their time."""
    assert evenings_to_come


def test_nothing_is_needed_from_outside(evening: Evening, ui: PrefectPages) -> None:
    """Of other machines the pages ask but one thing, and work without an answer."""
    assert "Completed" == evening.closing.state
    # Prefect's pages ask there for the settings of their statistics, even where those are off.
    assert {"sr-client-cfg.amplitude.com"} >= ui.outside
