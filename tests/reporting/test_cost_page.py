"""The page: everything in one file, no script, no request, the same for the same report."""

import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from springtide import reporting
from springtide.model.cost_figures import Alternative, CostReport, ServiceFigures
from springtide.model.price import MissingPrice
from springtide.model.proof import (
    Difference,
    Proof,
    ProofInput,
    ProofVerdict,
    Reconciliation,
    Statement,
)
from springtide.reporting.cost_page import (
    claimed,
    cost_page,
    differing,
    money,
    number,
    ratio,
    rounded,
)
from tests.costing.reports import NOVEMBER, a_ledger, a_report, gathered_from

MIDST = date(2026, 11, 15)
DASH, THIN = "\u2013", "\u202f"
OUTSIDE = re.compile(r"""(?:src|href|url|@import|xlink:href)\s*[=(]\s*["']?(?:https?:)?//""")
PROOF = Proof(
    statement=Statement(
        name="hours-a-month",
        sentence="Instances are billed for 72 hours & no more",
        formula="hours / instances",
        baseline="four weeks of twelve evenings",
        expected=Decimal(72),
        unit="h",
    ),
    inputs=(ProofInput(name="hours", value=Decimal(2160), unit="h", source="the ledger"),),
    result=Decimal("72.00"),
    verdict=ProofVerdict.PASS,
    why="each of 30 instances had 72 hours",
    overturned_by="an instance with more",
)
RECONCILIATION = Reconciliation(
    name="bill",
    question="Is the bill what we computed?",
    ours="our charges",
    theirs="the invoice",
    compared=360,
    differences=tuple(
        Difference(
            subject=f"i-{n}",
            ours=Decimal(6),
            theirs=Decimal(7),
            unit="h",
            explanation="it was late",
        )
        for n in range(45)
    ),
    verdict=ProofVerdict.FAIL,
    why="45 instances differ",
    overturned_by="a corrected invoice",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> CostReport:
    """November in its midst, with a verdict of each sort."""
    ledger = a_ledger(tmp_path_factory.mktemp("usage"), until=MIDST)
    gathered = gathered_from(ledger, known_until=MIDST)
    verdicts = {"proofs": (PROOF,), "reconciliations": (RECONCILIATION,)}
    return a_report(gathered, known_until=MIDST).model_copy(update=verdicts)


@pytest.fixture(scope="module")
def page(report: CostReport) -> str:
    """It as HTML."""
    return cost_page(report)


@pytest.fixture(scope="module")
def bare(report: CostReport) -> CostReport:
    """The same, with nothing to draw."""
    drawn = ("running", "daily", "hours", "unit_costs", "storage", "forecasts")
    return report.model_copy(update={**dict.fromkeys(drawn, ()), "break_even": None})


class Names(HTMLParser):
    """Elements, ids and texts of a page."""

    def __init__(self, page: str) -> None:
        """Read it all."""
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text.append(data)


@pytest.mark.parametrize(
    ("verdict", "expected", "told"),
    [
        pytest.param(ProofVerdict.PASS, 72, "72 h", id="a figure"),
        pytest.param(ProofVerdict.FAIL, 0, "0 h", id="nothing is claimed to be paid"),
        pytest.param(ProofVerdict.UNPROVEN, 72, "72 h", id="not to be proved"),
        pytest.param(ProofVerdict.UNPROVEN, 0, DASH, id="nobody gave the figure"),
    ],
)
def test_what_is_claimed(verdict: ProofVerdict, expected: int, told: str) -> None:
    """A claim beside a figure that is missing has none, which is not nothing."""
    statement = PROOF.statement.model_copy(update={"expected": Decimal(expected)})
    proof = PROOF.model_copy(update={"statement": statement, "verdict": verdict})
    assert told == claimed(proof)


def test_nothing_to_compare_with_is_no_agreement() -> None:
    """`0 of 0 differ` would look like one."""
    unproven = RECONCILIATION.model_copy(update={"verdict": ProofVerdict.UNPROVEN})
    assert ("45 of 360 differ", DASH) == (differing(RECONCILIATION), differing(unproven))


def test_it_asks_nobody_for_anything(page: str) -> None:
    """No script, no frame, no linked file, no address that is fetched."""
    fetching = {"script", "iframe", "link", "img", "object", "embed", "image", "foreignobject"}
    assert set() == fetching & set(Names(page).tags)
    assert [] == OUTSIDE.findall(page)
    assert "javascript:" not in page


def test_every_picture_is_there(page: str) -> None:
    """Six pictures and two fans, as SVG elements."""
    pictures = {"running", "daily", "hours", "even", "unit", "storage", "fan0", "fan1"}
    assert pictures <= set(Names(page).ids)
    assert len(pictures) == Names(page).tags.count("svg")


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        pytest.param(6, "the line is the 6 hours of the window", id="six"),
        pytest.param(5, "the line is the 5 hours of the window", id="another estate's"),
        pytest.param(None, "Fewest, mean and most of each day.", id="no evening"),
    ],
)
def test_the_windows_own_hours_are_told(report: CostReport, hours: int | None, told: str) -> None:
    """Beside them the billed hours of a server are many or few."""
    page = cost_page(report.model_copy(update={"window_hours": hours}))
    assert told in page
    assert ("the line is" in page) == (hours is not None)


def test_no_id_stands_twice_and_each_reference_is_met(page: str) -> None:
    """Two pictures with a clip of the same name would clip each other."""
    ids = Names(page).ids
    assert sorted(set(ids)) == sorted(ids)
    assert set() == set(re.findall(r"url\(#([^)]+)\)", page)) - set(ids)


def test_the_same_report_is_the_same_page(page: str, report: CostReport) -> None:
    """Nothing in it counts on from one drawing to the next."""
    assert page == cost_page(report)


def test_its_colours_are_the_themes(page: str) -> None:
    """No picture has a colour of its own, but for none at all."""
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    painted = set(re.findall(r'(?:fill|stroke)="([^"]+)"', pictures))
    assert set() == {
        colour
        for colour in painted
        if not colour.startswith(("var(--", "url(#")) and colour not in {"none", "transparent"}
    }
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    defined = set(re.findall(r"(--[\w-]+):", page))
    assert set() == used - defined


def test_each_theme_defines_every_colour(page: str) -> None:
    """Light, dark and paper know the same names."""
    roots = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    names = [set(re.findall(r"(--[\w-]+):", root)) for root in roots]
    assert 3 == len(names)
    assert names[0] == names[1] == names[2]


def test_what_was_said_is_told_as_text(page: str) -> None:
    """Signs of HTML in a sentence are shown and not obeyed."""
    assert "72 hours &amp; no more" in page
    text = " ".join(Names(page).text)
    saved = "saved on the fleet's servers: 91.7 % of 30 always on, by the hour"
    verdicts = ("PASS", "FAIL", "each of 30 instances")
    for told in ("72 hours & no more", "provisional", *verdicts, saved):
        assert told in text


def test_many_differences_are_cut_and_said_to_be(page: str) -> None:
    """Forty are shown of 45, and all are counted."""
    assert ("i-39" in page, "i-40" in page) == (True, False)
    assert "And 5 more, in the report" in page
    assert "45 of 360 differ" in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {
                "missing": (
                    MissingPrice(sku="b9", region="SBG5", day=MIDST, last_day=MIDST, hours=12),
                )
            },
            "no price for b9 in SBG5 on 2026-11-15",
            id="incomplete",
        ),
        pytest.param({"revision": 2}, "provisional 2", id="restated twice"),
        pytest.param(
            {"corrections": (("servers of api", Decimal("-3.06")),)},
            "Corrected since the report before",
            id="corrected",
        ),
        pytest.param(
            {"service": ServiceFigures(evenings=7)},
            "Evenings by the calendar",
            id="service not measured",
        ),
        pytest.param({"notes": ("Rehearsed.",)}, "Rehearsed.", id="a note"),
        pytest.param({"own_cost": Decimal("49.03")}, "for Springtide itself", id="our own cost"),
    ],
)
def test_what_is_odd_is_told(bare: CostReport, change: dict[str, object], told: str) -> None:
    """What a reader has to know is on the page."""
    assert told in cost_page(bare.model_copy(update=change))


def test_an_empty_report_is_a_page(bare: CostReport) -> None:
    """Nothing to draw is no trouble."""
    assert 0 == Names(cost_page(bare)).tags.count("svg")


def test_a_page_is_of_moderate_size(page: str) -> None:
    """It is sent by mail: a month is some hundred kilobytes."""
    assert len(page.encode()) < 300_000


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        pytest.param("0", "0.00", id="nothing"),
        pytest.param("1234567.891", f"1{THIN}234{THIN}567.89", id="grouped"),
        pytest.param("-5.005", "-5.00", id="half to even"),
        pytest.param(None, "\u2013", id="unknown"),
    ],
)
def test_money(amount: str | None, expected: str) -> None:
    """Two places, grouped by narrow spaces."""
    assert expected == money(None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0, "0", id="zero"),
        pytest.param(Decimal("72.00"), "72", id="no needless places"),
        pytest.param(Decimal("1E+3"), f"1{THIN}000", id="no exponent"),
        pytest.param(Decimal("0.33333333"), "0.3333", id="four places"),
        pytest.param(None, "\u2013", id="unknown"),
    ],
)
def test_numbers(value: Decimal | int | None, expected: str) -> None:
    """As short as they are."""
    shown = rounded(value) if isinstance(value, Decimal) else number(value)
    assert expected == shown


@pytest.mark.parametrize(
    ("cost", "done", "expected"),
    [
        pytest.param("30", "10", "3.00 \u00d7", id="three times"),
        pytest.param(None, "10", "\u2013", id="unknown"),
        pytest.param("30", "0", "\u2013", id="nothing was done"),
    ],
)
def test_ratios(cost: str | None, done: str, expected: str) -> None:
    """Beside what was done."""
    other = Alternative(name="o", how="", cost=None if cost is None else Decimal(cost))
    actual = Alternative(name="a", how="", cost=Decimal(done), actual=True)
    assert expected == ratio(other, (actual, other))


def test_the_template_is_packaged() -> None:
    """It stands beside its module, where an installed package finds it."""
    folder = Path(str(reporting.__file__)).parent / "templates"
    assert {"cost_report.html.j2", "page.css"} == {path.name for path in folder.iterdir()}


def test_the_period_is_in_its_title(page: str) -> None:
    """Tabs and files are told apart by it."""
    assert f"· {NOVEMBER.name}</title>" in page
