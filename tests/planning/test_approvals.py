"""Approvals: the line that is signed, what it approves, and who has to sign."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.errors import GuardRefused
from springtide.model.approval import ApprovalPolicy, Proposal, Signer
from springtide.planning.approvals import (
    approval_text,
    approved_until,
    proposal_text,
    signers_limitation,
    signing_command,
    statement_limitation,
    statement_of,
    tidy_statement,
)

NOW = datetime(2026, 11, 30, 15, 20, tzinfo=UTC)
HOUR = ApprovalPolicy(allowed_signers_file="allowed_signers", minutes=60)
KEYS = [f"SHA256:{letter * 43}" for letter in "ab"]

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
plans = st.dictionaries(st.text(max_size=5), documents, max_size=4)


def a_proposal(**changes: Any) -> Proposal:  # noqa: ANN401 - whatever a field takes
    """The resize of a cluster."""
    base: dict[str, Any] = {
        "kind": "resize-database-cluster",
        "subject": "school",
        "plan": {"ram_mib": 65_536, "steps": ["db2", "db3", "db1"]},
    }
    return Proposal.model_validate(base | changes)


def limitation(statement: str, *, after: timedelta = timedelta(minutes=10)) -> str | None:
    """Why the statement does not approve that resize, so long after it was shown."""
    return statement_limitation(statement, a_proposal(), HOUR, NOW + after)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        pytest.param(timedelta(0), None, id="at once"),
        pytest.param(timedelta(minutes=59, seconds=59), None, id="in the last second"),
        pytest.param(timedelta(minutes=60), "came late", id="a second later"),
        pytest.param(timedelta(days=365), "came late", id="a year later"),
        pytest.param(timedelta(seconds=-1), "is more than 1:00:00 from now", id="for longer"),
    ],
)
def test_an_approval_has_its_time(after: timedelta, why: str | None) -> None:
    """From when the plan is shown, for as long as the estate gives; the end is not part of it."""
    found = limitation(statement_of(a_proposal(), HOUR, NOW), after=after)
    assert (why is None) == (found is None)
    assert (why or "") in (found or "")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kind": "restart-database-cluster"}, id="act"),
        pytest.param({"subject": "shop"}, id="subject"),
        pytest.param({"plan": {"ram_mib": 65_537, "steps": ["db2", "db3", "db1"]}}, id="a number"),
        pytest.param({"plan": {"ram_mib": 65_536, "steps": ["db3", "db2", "db1"]}}, id="order"),
        pytest.param({"signatures": 2}, id="how many people"),
    ],
)
def test_another_proposals_line_approves_nothing(changes: dict[str, Any]) -> None:
    """Whatever a person has read is what they approve."""
    other = a_proposal(**changes)
    assert other.digest != a_proposal().digest
    found = limitation(statement_of(other, HOUR, NOW))
    assert found is not None
    assert f"approves plan {other.digest[:16]}" in found
    assert a_proposal().digest[:16] in found


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda _: "", "is not the line", id="nothing"),
        pytest.param(lambda _: "yes", "is not the line", id="a word"),
        pytest.param(lambda s: s + " ", "is not the line", id="longer"),
        pytest.param(lambda s: s.replace("-v1", "-v2"), "is not the line", id="another version"),
        pytest.param(lambda s: s.replace("T16:", "T99:"), "ends with no time", id="no hour"),
        pytest.param(lambda s: s.replace("school", "shop"), "names resize", id="names another"),
        pytest.param(lambda s: s.replace("resize-", "drop-"), "names drop", id="another act"),
    ],
)
def test_a_line_that_was_not_shown(change: Any, why: str) -> None:  # noqa: ANN401 - a function
    """It approves nothing, and the reason says what is wrong with it."""
    assert why in (limitation(change(statement_of(a_proposal(), HOUR, NOW))) or "")


def test_a_line_that_was_copied() -> None:
    """Line breaks and blanks of a terminal or a form do no harm."""
    statement = statement_of(a_proposal(), HOUR, NOW)
    copied = "  " + statement.replace(" plan=", "\n plan=") + "\n"
    assert statement == tidy_statement(copied)
    assert NOW + timedelta(hours=1) == approved_until(statement)
    with pytest.raises(GuardRefused, match="ends with no time"):
        approved_until("springtide-approval-v1")


def test_the_line_is_safe_to_paste() -> None:
    """What a subject is called cannot become a command or a second field of the line."""
    odd = a_proposal(subject="x'; rm -rf / #\n plan=0 \u202e")
    statement = statement_of(odd, HOUR, NOW)
    assert 5 == len(statement.split(" "))
    assert statement_limitation(statement, odd, HOUR, NOW) is None
    assert f"printf %s '{statement}' | ssh-keygen" in signing_command(statement)


@pytest.mark.parametrize(
    ("signatures", "people", "why"),
    [
        pytest.param(1, [("anna", 0)], None, id="one of one"),
        pytest.param(2, [("anna", 0), ("ben", 1)], None, id="two of two"),
        pytest.param(2, [("anna", 0)], "given 1, 2 are needed", id="one of two"),
        pytest.param(1, [], "given 0, 1 are needed", id="none"),
        pytest.param(2, [("anna", 0), ("ben", 0)], "the same key signed twice", id="one key"),
        pytest.param(2, [("anna", 0), ("anna", 1)], "the same person signed", id="one person"),
    ],
)
def test_who_has_to_sign(signatures: int, people: list[tuple[str, int]], why: str | None) -> None:
    """As many people as are asked for, each with a key of their own."""
    signers = [Signer(name=name, key=KEYS[key]) for name, key in people]
    found = signers_limitation(signers, a_proposal(signatures=signatures))
    assert (why is None) == (found is None)
    assert (why or "") in (found or "")


@given(plan=plans)
def test_the_same_plan_has_the_same_hash(plan: dict[str, Any]) -> None:
    """Whatever the order of its fields, and after a way through JSON."""
    proposal = a_proposal(plan=plan)
    turned = a_proposal(plan=dict(reversed(plan.items())))
    assert proposal.digest == turned.digest
    assert proposal.digest == Proposal.model_validate_json(proposal.model_dump_json()).digest


@given(one=plans, other=plans)
def test_different_plans_have_different_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    """True and 1, a word and a number, nothing and an empty list are different."""
    same = repr(sorted(one.items())) == repr(sorted(other.items()))
    if not same and one != other:
        assert a_proposal(plan=one).digest != a_proposal(plan=other).digest


def test_what_a_person_reads() -> None:
    """The plan in rows, its whole hash, the line and the command; no row can break the table."""
    rows: list[dict[str, str | int]] = [{"measure": "reason", "value": "a|b\n\n# c"}]
    proposal = a_proposal(signatures=2)
    statement = statement_of(proposal, HOUR, NOW)
    text = proposal_text(proposal, rows) + approval_text(proposal, statement)
    assert r"| reason | a\|b  # c |" in text
    assert "the keys of two people" in text
    assert "the other person's into `second_signature`" in text
    assert [] == [
        w for w in (proposal.digest, statement, signing_command(statement)) if w not in text
    ]
