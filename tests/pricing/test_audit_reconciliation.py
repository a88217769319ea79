"""Every server of a fleet ended by a deletion of ours, or it is told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from springtide.model.audit import AuditLine
from springtide.model.bill import Deletion, InventoryItem
from springtide.model.proof import ProofVerdict
from springtide.model.usage import UsageKind
from springtide.pricing.audit_reconciliation import deletions_of, reconcile_deletions
from springtide.pricing.charges import price_totals
from tests.pricing.proving import BOOK
from tests.pricing.using import a_record, totals_of

EVENING_END = datetime(2026, 11, 23, 20, 55, tzinfo=UTC)


def a_line(**changes: object) -> AuditLine:
    """The outcome of a deletion that Nova took on."""
    base: dict[str, Any] = {
        "run": "run-1",
        "number": 2,
        "previous": "0" * 64,
        "time": EVENING_END,
        "who": "close-evening-window",
        "act": 1,
        "step": "outcome",
        "region": "GRA11",
        "service": "compute",
        "method": "DELETE",
        "path": "/servers/i-1",
        "why": "the evening closes",
        "result": "done",
    }
    return AuditLine.model_validate(base | changes)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(a_line(), [("i-1", True)], id="a server"),
        pytest.param(a_line(step="intent", result=None), [("i-1", False)], id="only meant"),
        pytest.param(a_line(result="Retryable: 503"), [("i-1", False)], id="refused for now"),
        pytest.param(a_line(result="unknown: no reply"), [("i-1", False)], id="a lost reply"),
        pytest.param(a_line(method="POST", path="/servers"), [], id="a launch"),
        pytest.param(a_line(path="/servers/i-1/tags/x"), [], id="a tag"),
        pytest.param(a_line(service="network", path="/servers/i-1"), [], id="another service"),
    ],
)
def test_deletions_in_the_log(line: AuditLine, expected: list[tuple[str, bool]]) -> None:
    """Of servers, and whether Nova took them on; and nothing else."""
    assert expected == [(each.resource, each.confirmed) for each in deletions_of([line])]


def test_the_first_of_two_deletions_counts() -> None:
    """The second found it gone already."""
    again = a_line(time=EVENING_END.replace(minute=58), run="run-2")
    assert ["run-1"] == [deletion.run for deletion in deletions_of([again, a_line()])]


def test_a_deletion_that_was_asked_for_again() -> None:
    """By a run that was killed, then by one whose answer came: that one counts."""
    killed = a_line(time=EVENING_END.replace(minute=50), run="run-0", step="intent", result=None)
    (found,) = deletions_of([a_line(), killed])
    assert ("run-1", True) == (found.run, found.confirmed)


DELETED = Deletion(resource="i-1", at=EVENING_END, run="run-1")
ASKED = DELETED.model_copy(update={"confirmed": False})
STANDS = InventoryItem(
    resource="i-1", name="api-1", kind=UsageKind.INSTANCE, region="GRA11", fleet="api"
)


@pytest.mark.parametrize(
    ("deletions", "inventory", "until", "verdict", "explanation"),
    [
        pytest.param([DELETED], [], "23 22:00", "PASS", None, id="deleted and gone"),
        pytest.param([], [STANDS], "23 22:00", "PASS", None, id="stands, and nobody deleted it"),
        pytest.param(
            [], [], "23 22:00", "FAIL", "no deletion of ours says so", id="gone by another hand"
        ),
        pytest.param(
            [DELETED], [STANDS], "23 22:00", "FAIL", "stands now, though", id="deleted and stands"
        ),
        pytest.param(
            [DELETED], [], "25 22:00", "FAIL", "was used on 2026-11-25", id="used days later"
        ),
        pytest.param([ASKED], [], "23 22:00", "PASS", None, id="gone, by a deletion unanswered"),
        pytest.param([ASKED], [STANDS], "23 22:00", "PASS", None, id="stands, not deleted"),
        pytest.param(
            [ASKED], [], "25 22:00", "FAIL", "no deletion of ours says so", id="gone days later"
        ),
        pytest.param(None, [], "23 22:00", "UNPROVEN", None, id="no log"),
        pytest.param([DELETED], None, "23 22:00", "UNPROVEN", None, id="no listing"),
    ],
)
def test_servers_end_by_us(
    deletions: list[Deletion] | None,
    inventory: list[InventoryItem] | None,
    until: str,
    verdict: str,
    explanation: str | None,
) -> None:
    """Whoever is gone was deleted, whoever was deleted is gone."""
    charges = price_totals(totals_of(a_record("23 16:00", until, name="api-1")), BOOK).charges
    found = reconcile_deletions(charges, deletions, inventory)
    assert ProofVerdict(verdict) == found.verdict
    told = " ".join(each.explanation for each in found.differences)
    assert (explanation or "") in told
    assert (explanation is None) == (told == "")


def test_servers_of_nobody_are_not_ours_to_end() -> None:
    """What carries no tag of ours is never deleted by us."""
    charges = price_totals(totals_of(a_record("23 16:00", "23 22:00", fleet=None)), BOOK).charges
    assert ProofVerdict.UNPROVEN == reconcile_deletions(charges, [], []).verdict
