"""What a run refuses: it ends with a clear message, and no call has changed the cloud."""

from typing import Any

import pytest

from tests.deployments.rig import OPEN, Rig


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


def test_a_wrong_opening_fails_and_changes_nothing(rig: Rig) -> None:
    """The run fails with what is wrong and what would be right; the cloud saw reads alone."""
    end = rig.run(OPEN, servers=10_001)
    assert "FAILED" == end.kind
    assert "servers 10001 is outside 1 to 300, the most of fleet api" in end.message
    assert ((0, 0, 0), 0, []) == (rig.fleet(), rig.changes(), rig.stored())
