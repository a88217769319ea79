"""A surge of ninety-six on real services, killed midway, completed by the keeping, and ended.

What stands in the cloud is counted by the `openstack` command line. `make bench-real` has three
hundred.
"""

import os
from typing import Any

import pytest

from tests.deployments.rig import End
from tests.real.lifecycle.evening import EveningRig

pytestmark = [pytest.mark.real, pytest.mark.timeout(3600)]

SURGE, LIFT = "emergency-surge/api", "lift-entry/any"
SERVERS = int(os.environ.get("SPRINGTIDE_SURGE_SERVERS", "96"))
SETTLED = End("COMPLETED", "Completed", "settled")
ASKED: dict[str, Any] = {
    "servers": SERVERS,
    "hours": 3,
    "owner": "operations",
    "reason": "schools are closed",
    "key": "lockdown",
}
WHO = {"owner": "operations", "reason": "it is over"}
LAUNCHES_UNTIL_HALF = SERVERS // 8
"""Of waves of four."""


def test_a_surge_killed_midway(rig: EveningRig) -> None:
    """The keeping completes it, nothing is doubled; lifted, it goes down to nothing."""
    before = rig.census()
    killed = rig.kill_after(SURGE, LAUNCHES_UNTIL_HALF, "POST", "/servers", **ASKED)
    half = rig.census()
    assert SETTLED == rig.keep()
    stands = rig.census()
    assert SERVERS == len(stands.serving)
    assert (SERVERS, SERVERS + len(before.ports), SERVERS) == stands.totals
    rig.end_evening()
    rig.run(LIFT, name="springtide_claim_surge-lockdown", **WHO)
    assert SETTLED == rig.keep()
    assert before == rig.census()
    assert "CRASHED" == killed.kind
    assert 0 < len(half.servers) < SERVERS
