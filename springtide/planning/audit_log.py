"""The audit log's verdicts in words, and when a person should hear of them (`audit_log`)."""

from collections.abc import Sequence

from springtide.model.audit import AuditVerdict, Seal
from springtide.planning.telling import Row, amount

_TOLD = 3


def seal_told(seal: Seal | None) -> str:
    """What an archiving has done."""
    if seal is None:
        return "nothing new"
    if not seal.runs:
        return f"nothing new: seal {seal.number} says that the worker is there"
    return f"seal {seal.number} over {amount(len(seal.runs), 'run')}"


def verdict_rows(verdicts: Sequence[AuditVerdict]) -> list[Row]:
    """A row for each finding; where there is none, one that says what was read."""
    rows: list[Row] = []
    for verdict in verdicts:
        rows += [
            {"site": verdict.site, "what": each.subject, "is": f"{each.doubt}: {each.detail}"}
            for each in verdict.findings
        ]
        if not verdict.findings:
            read = f"{amount(verdict.lines, 'line')} under {amount(verdict.seals, 'seal')}"
            rows.append({"site": verdict.site, "what": amount(verdict.runs, "run"), "is": read})
    return rows


def verdict_summary(verdict: AuditVerdict) -> str:
    """One line for the run."""
    doubts = amount(len(verdict.findings), "finding")
    read = ((verdict.runs, "run"), (verdict.lines, "line"), (verdict.seals, "seal"))
    return (
        f"{verdict.site} site: {', '.join(amount(*each) for each in read)}:"
        f" {doubts if verdict.findings else 'nothing was changed, cut or taken away'}"
    )


def verdict_alarm(verdicts: Sequence[AuditVerdict]) -> str | None:
    """Why the run has failed; None: nothing was found at any site."""
    told = [
        f"{verdict.site} site: {each.subject}: {each.doubt}: {each.detail}"
        for verdict in verdicts
        for each in verdict.findings
    ]
    if len(told) > _TOLD:
        told[_TOLD:] = [f"and {len(told) - _TOLD} more"]
    return "; ".join(told) or None


def cut_limitation(first: AuditVerdict, second: AuditVerdict) -> str | None:
    """Why the first site cannot be whole: the second, which only copies, has more; or None."""
    if second.seals > first.seals:
        more = amount(second.seals, "seal")
        return f"the second site has {more}, the first {first.seals}: it was cut"
    return None
