"""A surge beyond what is authorised, approved by a person in the Prefect UI."""

import re

import pytest

from tests.deployments.rig import RUN_S, Rig, wait_until
from tests.ui.prefect_pages import PrefectPages

pytestmark = pytest.mark.chromium

SURGE = "emergency-surge/api"
SERVERS = 40


def test_a_person_approves_the_plan_that_the_dialog_shows(rig: Rig, ui: PrefectPages) -> None:
    """The dialog says what it comes to and how it goes beyond; its fingerprint approves it."""
    rig.begin()
    run_id = rig.start(
        SURGE, servers=SERVERS, hours=24, owner="operations", reason="schools are closed", key="ui"
    )
    wait_until(lambda: rig.state(run_id).name == "Suspended", "it waits for a person", RUN_S)
    ui.open_run(f"surge api to {SERVERS}")
    dialog = ui.open_resume()
    ui.photograph("surge-approval")
    shown = dialog.inner_text()
    fingerprint = re.search("plan: ([0-9a-f]{16})", shown)
    assert fingerprint
    assert "hours 24 are more than the 12 authorised" in shown
    dialog.get_by_role("switch").click()
    plan, name = dialog.get_by_role("textbox").all()
    plan.fill(fingerprint[1])
    name.fill("the one on call")
    ui.resume(dialog)
    assert "COMPLETED" == rig.end(run_id).kind
    assert SERVERS == rig.stage.serving()
