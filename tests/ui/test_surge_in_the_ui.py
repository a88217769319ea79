"""A surge beyond what is authorised, approved by a person in the Prefect UI."""

import re

import pytest
from playwright.sync_api import expect

from tests.deployments.rig import RUN_S, Rig, wait_until
from tests.ui.prefect_pages import PrefectPages

pytestmark = pytest.mark.chromium

SURGE = "emergency-surge/api"
SERVERS = 40


def test_a_person_approves_the_plan_that_the_dialog_shows(rig: Rig, ui: PrefectPages) -> None:
    """The dialog says what it comes to and how it goes beyond; their signature approves it."""
    rig.begin()
    run_id = rig.start(
        SURGE, servers=SERVERS, hours=24, owner="operations", reason="schools are closed", key="ui"
    )
    wait_until(lambda: rig.state(run_id).name == "Suspended", "it waits for a person", RUN_S)
    ui.open_run(f"surge api to {SERVERS}")
    dialog = ui.open_resume()
    # Its words are Markdown, and drawn last.
    expect(dialog).to_contain_text("springtide-approval-v1")
    expect(dialog.get_by_role("textbox")).to_have_count(2)
    ui.photograph("surge-approval")
    shown = dialog.inner_text()
    line = re.search("springtide-approval-v1 .+", shown)
    assert line
    assert "hours 24 are more than the 12 authorised" in shown
    statement, signature = dialog.get_by_role("textbox").all()
    statement.fill(line[0])
    signature.fill(rig.on_call.sign(line[0]))
    ui.resume(dialog)
    assert "COMPLETED" == rig.end(run_id).kind
    assert SERVERS == rig.stage.serving()
