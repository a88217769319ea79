"""A surge on a whole stack: by the API as anybody asks for it, approved, refused, and killed."""

import re
from pathlib import Path
from typing import Any

from tests.deployments.rig import CLOSE, KEEP, RUN_S, End, Rig, wait_until
from tests.deployments.test_stack_kills import kill_when_held
from tests.signing import a_person

SURGE = "emergency-surge/api"
SETTLED = End("COMPLETED", "Completed", "settled")
ASKED: dict[str, Any] = {
    "servers": 60,
    "hours": 3,
    "owner": "operations",
    "reason": "schools are closed",
    "key": "lockdown",
}
LASTING = ASKED | {"hours": 12}
"""Beyond the evening's end."""
BEYOND = ASKED | {"hours": 24}
"""The estate authorises twelve."""


def waits_for_approval(rig: Rig) -> str:
    """A surge that goes beyond what is authorised: the run's id, once it is suspended."""
    run_id = rig.start(SURGE, **BEYOND)
    wait_until(lambda: rig.state(run_id).name == "Suspended", "the surge waits", RUN_S)
    return run_id


def shown(rig: Rig, run_id: str) -> dict[str, str]:
    """The plan that the run has shown, by its measures."""
    return rig.table("surge-api", run_id)


def test_a_surge_of_sixty(rig: Rig) -> None:
    """All serve; a closing of the window takes nothing away; asked for again nothing is doubled."""
    assert SETTLED == rig.run(SURGE, **LASTING)
    assert (60, 60, 60) == rig.fleet()
    rig.stage.set_clock(rig.evening.claim_ends_at)
    assert SETTLED == rig.run(CLOSE)
    assert (60, 60, 60) == rig.fleet()
    assert SETTLED == rig.run(SURGE, **LASTING)
    assert (60, 60, 60) == rig.fleet()


def test_a_surge_beyond_is_approved_by_signature(rig: Rig) -> None:
    """It takes no process while it waits, and creates nothing; approved, it is as it was shown."""
    run_id = waits_for_approval(rig)
    plan, statement = shown(rig, run_id), rig.statement(run_id, "emergency-surge")
    before = rig.fleet()
    answer = {"statement": statement, "signature": rig.on_call.sign(statement)}
    assert "ACCEPT" == rig.resume(run_id, answer)
    assert SETTLED == rig.end(run_id)
    assert ((0, 0, 0), (60, 60, 60)) == (before, rig.fleet())
    assert "hours 24 are more than the 12 authorised" == plan["beyond what is authorised"]
    claim = rig.entry("springtide_claim_surge-lockdown")
    assert claim["owner"].startswith("operations, approved by on-call@example.org (SHA256:")


def test_people_hear_of_a_surge_that_waits(
    rig: Rig, notices: tuple[str, list[dict[str, Any]]]
) -> None:
    """A surge of the night is signed by nobody who does not know of it; the notice leads to it."""
    _, sent = notices
    before = len(sent)
    with rig.telling():
        run_id = waits_for_approval(rig)
        wait_until(lambda: sent[before:], "the notice arrives", RUN_S)
    (notice,) = sent[before:]
    assert "emergency-surge waits for approval" == notice["subject"]
    assert "surge api to 60: schools are closed: " in notice["text"]
    assert f"{rig.stage.stack.ui_url}/runs/flow-run/{run_id}" in notice["text"]


def test_a_surge_that_is_not_approved_creates_nothing(rig: Rig) -> None:
    """The run fails and says why; nothing is stored as a claim, nothing was changed."""
    run_id = waits_for_approval(rig)
    line = re.sub("plan=.{8}", "plan=01234567", rig.statement(run_id, "emergency-surge"))
    rig.resume(run_id, {"statement": line, "signature": rig.on_call.sign(line)})
    end = rig.end(run_id)
    assert ("FAILED", True) == (end.kind, "another plan" in end.message)
    assert (0, 0, 0) == rig.fleet()
    assert [] == [name for name in rig.stored() if "_claim_" in name]


def test_a_strangers_signature_approves_no_surge(rig: Rig, tmp_path: Path) -> None:
    """A right line, signed with a key that the estate does not know."""
    run_id = waits_for_approval(rig)
    line = rig.statement(run_id, "emergency-surge")
    eve = a_person(tmp_path, "eve@example.org")
    assert "REJECT" == rig.resume(run_id, {"statement": line})
    assert "ACCEPT" == rig.resume(run_id, {"statement": line, "signature": eve.sign(line)})
    end = rig.end(run_id)
    assert ("FAILED", True) == (end.kind, "its key is not in allowed_signers" in end.message)
    assert (0, 0, 0) == rig.fleet()


def test_a_surge_killed_while_it_launches(rig: Rig) -> None:
    """The keeping completes it without a person, and nothing is doubled."""
    killed = kill_when_held(rig, (SURGE, ASKED), "compute", "POST", "^/servers$", when="after")
    assert SETTLED == rig.run(KEEP)
    assert "CRASHED" == killed.kind
    assert (60, 60, 60) == rig.fleet()
