"""A guarded change as Prefect runs it: dry, settled, approved before, and stopped."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import State, flow

from flows.guarded import guarded
from springtide.errors import GuardRefused, Misconfigured
from springtide.model.approval import Approval, Proposal, Signer
from springtide.model.change import ChangeOutcome, Proposed
from springtide.planning.approvals import statement_of
from tasks.approvals import Approvers
from tests.estates import an_estate, written
from tests.signing import Person, a_person, allow

NOW = datetime(2026, 11, 30, 15, 20, tzinfo=UTC)
PROPOSAL = Proposal(kind="restart-something", subject="school", plan={"since": "15:00"})
BY_TWO = PROPOSAL.model_copy(update={"signatures": 2})
GIVEN = Approval(
    digest=PROPOSAL.digest,
    until=NOW + timedelta(hours=1),
    statement="the line",
    signatures=("signed",),
    signers=(Signer(name="anna@example.org", key=f"SHA256:{'a' * 43}"),),
)


@dataclass
class Change:
    """A change that keeps what was asked of it."""

    settled: str | None = None
    standing: Approval | None = None
    trouble: str | None = None
    acted: list[Approval] = field(default_factory=list)

    @property
    def approvers(self) -> Approvers:
        """Nobody is to be asked here."""
        raise Misconfigured("nobody can approve this")

    def now(self) -> datetime:
        """Always the same moment."""
        return NOW

    async def propose(self) -> Proposed:
        """One step."""
        rows = ({"measure": "step", "value": "restart"},)
        return Proposed(proposal=PROPOSAL, rows=rows, settled=self.settled)

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """What a killed run has left."""
        assert PROPOSAL == proposal
        return self.standing

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Do it, or stop."""
        assert PROPOSAL == proposal
        self.acted.append(approval)
        return ChangeOutcome(done=("db2",), trouble=self.trouble, what_next="look at db3")


def ended(change: Change, *, dry_run: bool = False) -> State[Any]:
    """The state in which the change ends."""

    @flow(name="guarded-for-a-test")
    async def change_it() -> State[ChangeOutcome]:
        return await guarded(change, dry_run=dry_run)

    async def run() -> State[Any]:
        return await change_it(return_state=True)

    return asyncio.run(run())


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("change", "dry_run", "message"),
    [
        pytest.param(Change(), True, "dry run: plan", id="dry run"),
        pytest.param(Change(settled="all is so"), False, "nothing to do: all is so", id="settled"),
        pytest.param(Change(standing=GIVEN), True, "dry run: plan", id="dry, approved before"),
    ],
)
def test_what_only_looks(change: Change, message: str, *, dry_run: bool) -> None:
    """It completes, asks nobody, and changes nothing."""
    state = ended(change, dry_run=dry_run)
    assert state.is_completed()
    assert str(state.message).startswith(message)
    assert [] == change.acted


@pytest.mark.usefixtures("prefect_server")
def test_a_change_goes_on_with_the_approval_that_stands() -> None:
    """A killed run's successor asks nobody again."""
    change = Change(standing=GIVEN)
    state = ended(change)
    assert (True, "done: 1 step") == (state.is_completed(), state.message)
    assert [GIVEN] == change.acted


@pytest.mark.usefixtures("prefect_server")
def test_a_change_that_stops_says_what_to_do() -> None:
    """It fails, with the reason and what a person does now."""
    state = ended(Change(standing=GIVEN, trouble="db3 lags"))
    assert (True, "stopped: db3 lags; look at db3") == (state.is_failed(), state.message)


@pytest.mark.usefixtures("prefect_server")
def test_without_anybody_to_approve_nothing_is_done() -> None:
    """It fails before it waits."""
    change = Change()
    state = ended(change)
    assert (True, []) == (state.is_failed(), change.acted)
    assert "nobody can approve this" in str(state.message)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Person]:
    """Two who may approve."""
    folder = tmp_path_factory.mktemp("keys")
    return [a_person(folder, f"{name}@example.org") for name in ("anna", "ben")]


def approvers(folder: Path, people: Sequence[Person], **more: object) -> Approvers:
    """Those people, as an estate names them."""
    allow(folder / "signers", *people)
    policy = {"allowed_signers_file": "signers", **more}
    return Approvers.of(written(folder, {**an_estate(), "approvals": policy}))


def test_one_approves(people: list[Person], tmp_path: Path) -> None:
    """The approval keeps all that is needed to verify it again, and says whose it is."""
    who = approvers(tmp_path, people, minutes=30)
    line = statement_of(PROPOSAL, who.policy, NOW)
    approval = who.approval(PROPOSAL, f" {line}\n", [people[0].sign(line)], now=NOW)
    assert (PROPOSAL.digest, NOW + timedelta(minutes=30)) == (approval.digest, approval.until)
    assert approval.approved_by.startswith("anna@example.org (SHA256:")
    again = who.approval(PROPOSAL, approval.statement, approval.signatures, now=NOW)
    assert approval == again


def test_two_approve(people: list[Person], tmp_path: Path) -> None:
    """Each signs the same line; the same key twice is one person."""
    who = approvers(tmp_path, people)
    line = statement_of(BY_TWO, who.policy, NOW)
    anna, ben = (person.sign(line) for person in people)
    approval = who.approval(BY_TWO, line, [anna, ben], now=NOW)
    assert " and ben@example.org (" in approval.approved_by
    for signatures, why in (([anna, anna], "same key signed twice"), ([ben], "2 are needed")):
        with pytest.raises(GuardRefused, match=why):
            who.approval(BY_TWO, line, signatures, now=NOW)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param({}, "approvals: nobody can approve this", id="no field"),
        pytest.param(
            {"approvals": {"allowed_signers_file": "absent"}},
            r"approvals\.allowed_signers_file: given 'absent'",
            id="no file",
        ),
    ],
)
def test_an_estate_that_names_no_signers(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    """It says what is missing."""
    with pytest.raises(Misconfigured, match=why):
        Approvers.of(written(tmp_path, {**an_estate(), **more}))
