"""What a run refuses: it ends with a clear message, and no call has changed the cloud."""

from datetime import timedelta
from typing import Any

import pytest

from tests.deployments.rig import KEEP, OPEN, Rig


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        pytest.param({"servers": "many"}, "'many' is not valid", id="a word for a number"),
        pytest.param({"fleet": 7}, "7 is not of type 'string'", id="a number for a name"),
        pytest.param({"dry_run": "maybe"}, "'maybe' is not of type", id="neither yes nor no"),
        pytest.param({"serverz": 31}, "'serverz' was unexpected", id="an unknown parameter"),
    ],
)
def test_a_wrong_form_is_refused_at_once(
    rig: Rig, parameters: dict[str, Any], message: str
) -> None:
    """Prefect answers 409 with the field's name, and no run begins."""
    answer = rig.order(OPEN, **parameters)
    assert 409 == answer.status_code
    assert message in answer.json()["detail"]


def test_a_wrong_wish_fails_and_changes_nothing(rig: Rig) -> None:
    """Each run fails with what is wrong and what would be right; the cloud saw reads alone."""
    wishes: list[tuple[str, dict[str, Any], str]] = [
        (OPEN, {"servers": 10_001}, "servers 10001 is outside 1 to 300"),
        (OPEN, {"servers": 301}, "servers 301 is outside 1 to 300, the most of fleet api"),
        (KEEP, {"fleet": "nobody"}, "no fleet 'nobody' in the estate (allowed: api)"),
    ]
    ends = [(rig.run(flow, **given), said) for flow, given, said in wishes]
    assert ["FAILED"] * len(wishes) == [end.kind for end, _ in ends]
    assert [] == [(end.message, said) for end, said in ends if said not in end.message]
    assert ((0, 0, 0), 0, []) == (rig.fleet(), rig.changes(), rig.stored())


def test_an_opening_on_a_thursday_is_refused(rig: Rig) -> None:
    """It says when the next window opens, and the cloud is left alone."""
    opens_at = rig.evening.opens_at
    thursday = opens_at + timedelta(days=(3 - opens_at.weekday()) % 7)
    rig.stage.set_clock(thursday)
    end = rig.run(OPEN)
    assert ("FAILED", 0) == (end.kind, rig.changes())
    assert "fleet api has no window at" in end.message
    assert "the next one opens at" in end.message
