"""A whole stack, and a browser in which a person would look at it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from deployments.processes import Processes
from deployments.stack import ESTATE, Stack, down, up
from deployments.stack_clouds import SandboxCloud
from tests.deployments.conftest import quicken
from tests.deployments.rig import Rig
from tests.object_stores import skip_where_it_cannot_run
from tests.ui.prefect_pages import PrefectPages

# Addresses of its own: other tests run their sandboxes beside this one.
SANDBOX: dict[str, Any] = {
    "regions": [
        {"name": name, "cidr": f"127.{51 + number}.0.0/20"}
        for number, name in enumerate(("GRA11", "SBG5", "RBX1"))
    ],
    # Slow enough for a person to see that something is under way.
    "boot": {"least_s": 2.0, "most_s": 4.0, "answer_s": 0.1},
    "balancer_update_s": 0.0,
}
STORAGE = "storage"
"""The folder of the stack below which stands what is backed up."""
ARGUMENTS = (
    "--no-sandbox",  # Chromium's own does not work for root, as which CI runs
    "--disable-gpu",
    "--disable-background-networking",
    # Whatever asks for a name, the browser itself included, gets no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium; skipped where it is not installed, which in CI is a failure."""
    binary = shutil.which("chromium")
    if binary is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright, ExitStack() as ending:
        started = playwright.chromium.launch(executable_path=binary, args=[*ARGUMENTS])
        ending.callback(started.close)
        yield started


@pytest.fixture(scope="package")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Server, worker and sandbox, only where there is a browser to look at them."""
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("stack")
    try:
        skip_where_it_cannot_run(folder / "swift")
        cloud = SandboxCloud(ESTATE, SANDBOX, storage=folder / STORAGE)
        started = up(folder, cloud=cloud)
        quicken(folder / "estate.yaml")
        yield started
    finally:
        Processes(folder / "run").end("worker")
        down(folder)


@pytest.fixture(scope="package")
def ui(
    browser: Browser, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrefectPages]:
    """The Prefect UI of the stack; pictures go to SPRINGTIDE_SCREENSHOTS, where that is set."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, locale="en-GB", timezone_id="Europe/Paris"
    )
    chosen = os.environ.get("SPRINGTIDE_SCREENSHOTS")
    pictures = Path(chosen) if chosen else tmp_path_factory.mktemp("pictures")
    yield PrefectPages(context, stack.ui_url, pictures)
    context.close()


@pytest.fixture(scope="package")
def evenings_to_come(ui: PrefectPages) -> bool:
    """Whether the deployment's page shows runs at its schedule's next times."""
    ui.open_deployment("open-evening-window")
    ui.page.get_by_role("tab", name="Upcoming").click()
    evening = ui.main.get_by_text("04:00:00 PM").first
    # What is raised is looked for anew by a second try; what is returned is kept.
    ui.wait_for(evening)
    return True


@pytest.fixture(scope="package")
def rig(stack: Stack, *, evenings_to_come: bool) -> Rig:
    """The stack without its schedules, which have been looked at by then; an empty cloud."""
    assert isinstance(evenings_to_come, bool)
    rig = Rig(stack, {})
    rig.begin()
    return rig
