"""A cost report in few words: a table of verdicts, a page of Markdown, and one line."""

from collections import Counter
from collections.abc import Iterable

from springtide.model.cost_figures import CostReport, ReportFile, Saving
from springtide.reporting.cost_page import differing, money, rounded

Row = dict[str, str]


def verdict_rows(report: CostReport) -> list[Row]:
    """Each claim and each reconciliation with its verdict."""
    rows = [
        {
            "verdict": proof.verdict.value,
            "claim": proof.statement.sentence,
            "result": f"{rounded(proof.result)} {proof.statement.unit}".strip(),
            "beside": proof.statement.baseline,
            "why": proof.why,
        }
        for proof in report.proofs
    ]
    rows += [
        {
            "verdict": each.verdict.value,
            "claim": each.question,
            "result": differing(each),
            "beside": f"{each.ours} against {each.theirs}",
            "why": each.why,
        }
        for each in report.reconciliations
    ]
    return rows


def cost_summary(report: CostReport) -> str:
    """One line: period, cost, verdicts, and what is wrong with it."""
    found: Counter[str] = Counter(proof.verdict.value for proof in report.proofs)
    found.update(each.verdict.value for each in report.reconciliations)
    verdicts = ", ".join(f"{found[name]} {name}" for name in ("PASS", "FAIL", "UNPROVEN"))
    saved = f"; {_saved(report.saving)}" if report.saving else ""
    lacking = next((str(each) for each in (*report.missing, *report.unknown)), None)
    incomplete = f"; incomplete: {lacking}" if lacking else ""
    return (
        f"{report.period.name}, {report.status}: {money(report.billed)} {report.currency} without"
        f" VAT{saved}; {verdicts}{incomplete}"
    )


def _saved(saving: Saving) -> str:
    return f"saved {saving.percent:.1f} % of {saving.beside}"


def cost_markdown(report: CostReport, files: Iterable[ReportFile]) -> str:
    """What the Prefect UI shows of it: links, money, alerts, forecast, baselines."""
    lines = [f"# {report.title}: {report.period.name}", "", cost_summary(report), ""]
    lines += [f"- {_link(file)}: {file.what}" for file in files]
    lines += ["", "| | without VAT | with VAT |", "|---|---:|---:|"]
    lines.append(f"| billed | {money(report.billed)} | {money(report.billed_with_vat)} |")
    lines.append(f"| effective | {money(report.effective)} | |")
    lines += [""] + [f"- **{alert}**" for alert in report.alerts]
    lines += [
        f"- To the end of the {f.name}: {money(f.expected)} {report.currency} expected, between"
        f" {money(f.low)} and {money(f.high)}. {f.reason}."
        f"{f' Incomplete: {f.incomplete}.' if f.incomplete else ''}"
        for f in report.forecasts
    ]
    lines += [f"- {note}" for note in (*report.unknown, *report.notes)]
    lines += ["", f"| beside | {report.currency} |", "|---|---:|"]
    lines += [f"| {each.name} | {money(each.cost)} |" for each in report.comparison]
    return "\n".join(lines)


def _link(file: ReportFile) -> str:
    return f"[{file.name}]({file.url})" if file.url else f"`{file.name}`"
