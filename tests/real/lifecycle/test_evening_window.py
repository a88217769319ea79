"""An evening of thirty servers on real services: two regions, Prefect on PostgreSQL, a worker.

What stands in the cloud is counted by the `openstack` command line.
"""

import pytest

from tests.deployments.rig import CLOSE, OPEN, End
from tests.real.lifecycle.conftest import DATABASE
from tests.real.lifecycle.evening import EveningRig
from tests.real.postgres import PostgresCluster

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SERVERS = 30
SETTLED = End("COMPLETED", "Completed", "settled")
LAUNCHES_UNTIL_HALF = 5
"""Of ten: a canary, and four waves, in each region."""


def test_thirty_serve_and_nothing_is_left(rig: EveningRig) -> None:
    """SIGKILL at half of the launches, and at half of the deletes: the next run makes it good.

    Each of exactly thirty is ACTIVE, has one port, is a member with a weight; then all are gone.
    """
    before = rig.census()
    opening = rig.kill_after(OPEN, LAUNCHES_UNTIL_HALF, "POST", "/servers")
    half = rig.census()
    assert SETTLED == rig.run(OPEN)
    opened = rig.census()
    assert SERVERS == len(opened.serving)
    assert (SERVERS, SERVERS + len(before.ports), SERVERS) == opened.totals
    rig.end_evening()
    closing = rig.kill_after(CLOSE, SERVERS // 2, "DELETE", "/servers/[^/]+")
    assert SETTLED == rig.run(CLOSE)
    assert before == rig.census()
    assert ["CRASHED"] * 2 == [opening.kind, closing.kind]
    assert 0 < len(half.servers) < SERVERS


def test_the_runs_stand_in_postgresql(running: EveningRig, postgres: PostgresCluster) -> None:
    """How a run ended is to be read in the database that Prefect's server was given."""
    run_id = running.start(CLOSE, dry_run=True)
    end = running.end(run_id)
    asked = f"SELECT state_type FROM flow_run WHERE id = '{run_id}'"  # noqa: S608 - Prefect's own id
    assert end.kind == postgres.query(DATABASE, asked).strip()
