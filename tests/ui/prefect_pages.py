"""Prefect's pages as a person uses them: read, click, fill in; nothing by the API."""

import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Locator, Route, expect

STEP_S = 90.0
"""The longest that a page may take to show what is expected: a lock of SQLite's may last 60 s."""
LOADS = 24
LOAD_S = 10.0
LOOK_S = 0.5
PRESSES = 5
COMPLETED = (33, 157, 75)
"""The colour of what is completed."""
ENDED = re.compile(r"^(Completed|Failed|Crashed|Cancelled)$")

# A canvas has no text; in a picture of it, the upright left edges of its bars can be found. The
# graph of a long run is drawn small: its bars are some nine pixels high then, and four wide.
LEFT_EDGES = """async ([picture, colour]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const {width, height} = image;
  const drawing = new OffscreenCanvas(width, height).getContext("2d");
  drawing.drawImage(image, 0, 0);
  const {data} = drawing.getImageData(0, 0, width, height);
  const coloured = (x, y) => colour.every(
    (part, index) => Math.abs(part - data[(y * width + x) * 4 + index]) < 24);
  const found = [];
  for (let x = 4; x < width; x++)
    for (let y = 0, length = 0; y < height; y++) {
      length = coloured(x, y) && !coloured(x - 4, y) ? length + 1 : 0;
      if (length == 6 && !found.some(([a, b]) => x - a < 9 && Math.abs(y - b) < 9))
        found.push([x, y]);
    }
  return found;
}"""


class PrefectPages:
    """One browser tab; whatever it wants from another machine is refused and kept."""

    def __init__(self, context: BrowserContext, url: str, pictures: Path) -> None:
        """Nothing is opened yet."""
        self.outside: set[str] = set()
        """Hosts beyond loopback that the pages asked for; none was reached."""
        context.set_default_timeout(STEP_S * 1000)
        expect.set_options(timeout=STEP_S * 1000)
        context.route("**/*", self._guard)
        self.page = context.new_page()
        self._url = url
        self._pictures = pictures

    @property
    def main(self) -> Locator:
        """The page beside the navigation."""
        return self.page.get_by_role("main")

    def open_deployment(self, flow: str, name: str = "") -> None:
        """From the front page to the flow's deployment, of that name where there are several."""
        if self.page.url == "about:blank":
            self.page.goto(self._url)
        self.page.get_by_role("link", name="Deployments", exact=True).first.click()
        self.main.get_by_placeholder("Search deployments").fill(flow)
        # A moment after what was typed the page goes to an address that has it.
        expect(self.page).to_have_url(re.compile(re.escape(flow)))
        row = self.page.get_by_role("row").filter(has=self.page.get_by_text(flow, exact=True))
        link = row.get_by_role("link", name=name, exact=True) if name else row.get_by_role("link")
        link.first.click()
        expect(self.page.get_by_role("button", name="Run", exact=True)).to_be_visible()

    def open_run(self, name: str) -> None:
        """From the navigation to the newest run whose name begins so."""
        self.page.get_by_role("link", name="Runs", exact=True).first.click()
        self.wait_for(self.main.get_by_role("link", name=name).first)
        self.main.get_by_role("link", name=name).first.click()
        expect(self.page.get_by_role("tab", name="Logs")).to_be_visible()

    def open_resume(self) -> Locator:
        """The dialog by which a run that waits for a person goes on."""
        self.main.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Resume").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Resume")).to_be_visible()
        return dialog

    def resume(self, dialog: Locator) -> None:
        """Send the dialog."""
        self._press(dialog.get_by_role("button", name="Resume").click, "/resume$")

    def open_form(self, flow: str) -> None:
        """To the deployment's form for a run."""
        self.open_deployment(flow)
        self._run_menu("Custom run")
        expect(self.main.get_by_text("Name of the fleet")).to_be_visible()

    def run_quickly(self, flow: str) -> None:
        """Start the deployment as it stands, and look at the run."""
        self.open_deployment(flow)
        self._start(lambda: self._run_menu("Quick run"))

    def run_as_asked(self, flow: str, name: str) -> None:
        """Start that deployment with what its dialog proposes, and look at the run."""
        self.open_deployment(flow, name)
        self._run_menu("Quick run")
        dialog = self.page.get_by_role("dialog")
        self._start(dialog.get_by_role("button", name="Run", exact=True).click)

    def submit(self) -> None:
        """Send the form."""
        self.page.get_by_role("button", name="Submit").click()

    def start(self) -> None:
        """Send the form, and look at the run."""
        self._start(self.submit)

    def sees(self, what: Locator) -> bool:
        """Whether that is to be seen; like a person, it loads the page again when it is not."""
        for _ in range(LOADS):
            try:
                expect(what).to_be_visible(timeout=LOAD_S * 1000)
            except AssertionError:
                self._reload()
            else:
                return True
        return False

    def wait_for(self, what: Locator) -> None:
        """Return when that is seen."""
        assert self.sees(what), f"not seen: {what}"

    def ended(self) -> str:
        """The state in which the run's page shows it to have ended, with all that came last."""
        state = self.main.get_by_text(ENDED).first
        self.wait_for(state)
        # The page asks no more once it has seen the end.
        self._reload()
        return state.inner_text()

    def tab(self, name: str) -> Locator:
        """The panel of that tab, chosen."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        return self.page.get_by_role("tabpanel", name=name, exact=True)

    def tasks_like(self, name: str) -> str:
        """What the run's list of tasks shows where that is typed into its search."""
        panel = self.tab("Task Runs")
        panel.get_by_placeholder("Search by run name").fill(name)
        expect(panel).to_contain_text(name)
        return panel.inner_text()

    def open_artifact(self, key: str) -> None:
        """From the run's page to the newest artifact of that key."""
        self.tab("Artifacts").get_by_role("link", name=re.compile(key)).click()
        self.main.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).first.click()
        expect(self.page.get_by_role("tab", name="Artifact", exact=True)).to_be_visible()

    def table(self) -> dict[str, str]:
        """The page's table of two columns."""
        return dict(self.rows()[1:])

    def rows(self) -> list[list[str]]:
        """All rows of the page's table, its headings first."""
        rows = self.main.get_by_role("row")
        expect(rows.nth(1)).to_be_visible()
        return [row.locator("th, td").all_inner_texts() for row in rows.all()]

    def graph(self, most: int) -> list[str]:
        """The names that the graph's first bars from the left tell when clicked."""
        canvas = self.page.locator("canvas").first
        expect(canvas).to_be_visible()
        bars = self._still_bars(canvas)
        box = canvas.bounding_box()
        assert box
        return [self._name_at(box["x"] + x + 2, box["y"] + y) for x, y in bars[:most]]

    def photograph(self, name: str) -> None:
        """Keep a picture of what is seen."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._pictures / f"{name}.png", animations="disabled")

    def _start(self, press: Callable[[], None]) -> None:
        self._press(press, "/create_flow_run$")
        self.page.get_by_role("link", name="View run").last.click()
        expect(self.page.get_by_role("tab", name="Logs")).to_be_visible()

    def _reload(self) -> None:
        """Load the page again; one that does not come is seen by what it does not show."""
        with suppress(Error):
            self.page.reload()

    def _press(self, press: Callable[[], None], path_regex: str) -> None:
        """Press, again where the server says 503: on SQLite it does while its database is busy."""
        for _ in range(PRESSES):
            with self.page.expect_response(re.compile(path_regex)) as answer:
                press()
            if answer.value.ok:
                return
        raise AssertionError(f"refused {PRESSES} times: {answer.value.text()}")

    def _run_menu(self, entry: str) -> None:
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name=entry).click()

    def _still_bars(self, canvas: Locator) -> list[tuple[int, int]]:
        """Where the bars are once they move no more: the graph is drawn with an animation."""
        before: object = None
        for _ in range(int(STEP_S / LOOK_S)):
            picture = b64encode(canvas.screenshot()).decode()
            bars = self.page.evaluate(LEFT_EDGES, [picture, COMPLETED])
            if bars and bars == before:
                return [(x, y) for x, y in bars]
            before = bars
            self.page.wait_for_timeout(LOOK_S * 1000)
        raise TimeoutError(f"no graph that stands still within {STEP_S:g} s")

    def _name_at(self, x: float, y: float) -> str:
        self.page.mouse.click(x, y)
        close = self.page.get_by_role("button", name="Close panel")
        name = self.main.get_by_role("heading", level=3).filter(has=self.page.get_by_role("link"))
        expect(close).to_be_visible()
        told = name.inner_text()
        close.click()
        expect(close).to_be_hidden()
        return told

    def _guard(self, route: Route) -> None:
        host = urlsplit(route.request.url).hostname or ""
        if host == "127.0.0.1":
            route.continue_()
        else:
            self.outside.add(host)
            route.abort()
