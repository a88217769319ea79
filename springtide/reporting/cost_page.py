"""The cost report as one HTML page: no script, no request, light and dark, and made for paper."""

import re
from datetime import datetime
from decimal import Decimal

from jinja2 import Environment, PackageLoader, StrictUndefined

from springtide.model.calendar import PARIS
from springtide.model.cost_figures import Alternative, CostReport
from springtide.model.proof import Proof, ProofVerdict, Reconciliation
from springtide.reporting.cost_charts import cost_charts

_THIN = "\u202f"
"""A narrow space that does not break: it groups digits in every language."""
_OF_A_MONTH = re.compile(r"hours-(in-)?\d{4}-\d{2}")
_UNKNOWN = "\u2013"
_TIMES = "\u00d7"
_MOST_DIFFERENCES = 40
"""Of one reconciliation that are shown; all of them are in the report's JSON."""


def cost_page(report: CostReport) -> str:
    """The whole page; the same report gives the same page."""
    template = _environment().get_template("cost_report.html.j2")
    return template.render(r=report, charts=cost_charts(report), most_differences=_MOST_DIFFERENCES)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("springtide.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.tests["for_the_first_page"] = for_the_first_page
    environment.filters |= {
        "money": money,
        "number": number,
        "moment": moment,
        "ratio": ratio,
        "rounded": rounded,
        "claimed": claimed,
        "differing": differing,
    }
    return environment


def for_the_first_page(proof: Proof) -> bool:
    """Whether a director wants it: the months of a year stand with the details."""
    return not _OF_A_MONTH.fullmatch(proof.statement.name)


def money(amount: Decimal | None, places: int = 2) -> str:
    """An amount with two places, grouped; a dash for what is not known."""
    return _UNKNOWN if amount is None else _grouped(f"{amount:,.{places}f}")


def number(value: Decimal | int | None) -> str:
    """A number as short as it is, grouped; a dash for what is not known."""
    if value is None:
        return _UNKNOWN
    plain = f"{value:,}" if isinstance(value, int) else f"{value.normalize():,f}"
    return _grouped(plain)


def rounded(value: Decimal | None) -> str:
    """A number with at most four places; a dash for what is not known."""
    return _UNKNOWN if value is None else number(round(value, 4))


def moment(at: datetime) -> str:
    """An instant by the clock of Paris."""
    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M %Z}"


def ratio(other: Alternative, alternatives: tuple[Alternative, ...]) -> str:
    """How many times what was done an alternative costs."""
    done = next((a.cost for a in alternatives if a.actual), None)
    return _UNKNOWN if other.cost is None or not done else f"{other.cost / done:.2f} {_TIMES}"


def claimed(proof: Proof) -> str:
    """What is claimed; a dash where that hangs on a figure that nobody gave."""
    said = proof.statement
    if proof.verdict is ProofVerdict.UNPROVEN and not said.expected:
        return _UNKNOWN
    return f"{rounded(said.expected)} {said.unit}".rstrip()


def differing(found: Reconciliation) -> str:
    """How many items differ; a dash where there is nothing to compare with."""
    if found.verdict is ProofVerdict.UNPROVEN:
        return _UNKNOWN
    return f"{len(found.differences)} of {number(found.compared)} differ"


def _grouped(text: str) -> str:
    return text.replace(",", _THIN)
