"""Which runs say that a source's backup was verified."""

from typing import Any

import pytest

from tasks.verified_backups import is_of


@pytest.mark.parametrize(
    ("parameters", "counts"),
    [
        pytest.param({"vault": "databases"}, True, id="a verification of its vault"),
        pytest.param({"vault": "documents"}, False, id="of another one"),
        pytest.param({"source": "school", "vault": ""}, True, id="its drill"),
        pytest.param({"source": "school"}, True, id="its drill, by default from its vault"),
        pytest.param({"source": "school", "vault": "databases"}, True, id="its drill, by name"),
        pytest.param({"source": "shop", "vault": "databases"}, False, id="another one's drill"),
        pytest.param({"source": "school", "vault": "second"}, False, id="from a second site"),
        pytest.param({}, False, id="nothing is said"),
    ],
)
def test_what_counts_as_verified(parameters: dict[str, Any], counts: bool) -> None:  # noqa: FBT001 - a case
    """The guard of a database change rests on it: another source's drill proves nothing of it."""
    assert counts is is_of(parameters, "school", "databases")
