"""Changes of a real cluster under constant writes: nothing acknowledged is lost."""

import asyncio
import statistics
import time

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.patroni.cluster import PatroniCluster
from tests.real.patroni.bed import MEMBERS
from tests.real.patroni.stage import LARGE, Stage
from tests.real.patroni.writer import Writer

pytestmark = pytest.mark.real


def own_switchover(stage: Stage, writer: Writer) -> float:
    """Seconds without writes of one of Patroni's own switchovers, asked for by its interface."""
    leader, began = stage.bed.leader(), time.monotonic()
    views = {name: member.view() for name, member in stage.bed.members.items()}
    candidate = next(name for name, view in views.items() if view.get("sync_standby"))

    async def switch() -> None:
        async with PatroniCluster(stage.cluster, AuditLog(None, run="t", who="t")) as cluster:
            await cluster.switch_over(str(leader), candidate, why="to measure it")

    asyncio.run(switch())
    stage.bed.wait_healthy()
    time.sleep(1)
    return writer.gaps(since=began - 1)[0]


def test_a_resize_under_constant_writes(stage: Stage) -> None:
    """Every member has its new size, nothing acknowledged is lost, one gap as of a switchover."""
    with Writer(stage.bed) as writer:
        own = [own_switchover(stage, writer) for _ in range(3)]
        leader, began = stage.bed.leader(), time.monotonic()
        outcome = stage.resize()
        stage.bed.wait_healthy()
        time.sleep(1)
        gaps = writer.gaps(since=began)
    assert outcome.trouble is None, outcome
    assert dict.fromkeys(MEMBERS, LARGE) == stage.sizes()
    assert set() == writer.lost()
    longest = 1.5 * statistics.median(own) + 1.0
    assert (True, True) == (gaps[0] <= longest, gaps[1] < 1.0), (own, gaps[:3])
    assert leader != stage.bed.leader()
