"""Changes of a real cluster under constant writes: nothing acknowledged is lost."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.patroni.cluster import PatroniCluster
from springtide.errors import GuardRefused
from springtide.model.database_plan import PlanKind
from tests.deployments.rig import RUN_S, PrefectRig
from tests.real.patroni.bed import CLUSTER, LIMITS, MEMBERS
from tests.real.patroni.stage import LARGE, SMALL, Stage, approved_by
from tests.real.patroni.writer import Writer

pytestmark = pytest.mark.real

KIND = PlanKind.RESIZE.value
RESIZE = f"{KIND}/any-cluster"
WANTED = {
    "cluster": CLUSTER,
    "vcpus": LARGE.vcpus,
    "ram_gib": LARGE.ram_mib / 1024,
    "emergency": "a test has no better hour",
    "dry_run": False,
}
KILLS = ("shut down", "resize", "power on", "switch over")
"""In which act each run is killed: it may have come to pass, or not."""


@contextmanager
def sessions_ended(stage: Stage) -> Iterator[None]:
    """Have vCenter end all sessions again and again, as it does with those that idle."""
    over = threading.Event()

    def end() -> None:
        # A look whose session ends twice is given up, and on a busy machine it takes seconds.
        while not over.wait(8):
            stage.simulator.end_sessions()

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@contextmanager
def counted(stage: Stage) -> Iterator[list[int]]:
    """How many members' PostgreSQL ran, at every look."""
    over, seen = threading.Event(), list[int]()

    def look() -> None:
        while not over.wait(0.05):
            pids = [stage.bed.members[name].postmaster for name in MEMBERS]
            seen.append(sum(pid is not None and Path(f"/proc/{pid}").exists() for pid in pids))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield seen
    over.set()
    thread.join()


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


def test_a_resize_under_constant_writes(stage: Stage, rig: PrefectRig) -> None:
    """Started, suspended, signed, done: new sizes, no write lost, one gap as of a switchover."""
    if len(set(stage.sizes().values())) > 1:
        stage.resize(SMALL)  # a first try was left half done
    before = stage.sizes()
    size = SMALL if LARGE in before.values() else LARGE
    wanted = WANTED | {"vcpus": size.vcpus, "ram_gib": size.ram_mib / 1024}
    change = stage.change(PlanKind.SWITCHOVER)
    stale = approved_by(stage.on_call, change, asyncio.run(change.propose()))
    with Writer(stage.bed) as writer:
        own = [own_switchover(stage, writer) for _ in range(3)]
        # The cluster is on another timeline: what was approved before is another plan.
        with pytest.raises(GuardRefused, match="it has changed since"):
            approved_by(stage.on_call, change, asyncio.run(change.propose()), stale)
        leader, began = stage.bed.leader(), time.monotonic()
        with sessions_ended(stage), counted(stage) as running:
            run_id = rig.start(RESIZE, **wanted)
            line = rig.suspended(run_id, KIND)
            unchanged = stage.sizes()
            answer = {"statement": line, "signature": stage.on_call.sign(line)}
            assert "ACCEPT" == rig.resume(run_id, answer)
            end = rig.end(run_id, 2 * RUN_S)
        stage.bed.wait_healthy()
        time.sleep(1)
        gaps = writer.gaps(since=began)
    assert ("COMPLETED", "done: 4 steps") == (end.kind, end.message)
    assert before == unchanged
    assert dict.fromkeys(MEMBERS, size) == stage.sizes()
    assert set() == writer.lost()
    assert 2 == min(running)
    longest = 2 * max(own) + 2.0
    assert (True, True) == (gaps[0] <= longest, gaps[1] < max(1.0, min(own))), (own, gaps[:3])
    told = rig.table(f"outcome-{KIND}", run_id)
    assert (leader, stage.bed.leader(), 1) == (
        told["led before"],
        told["leads now"],
        told["changes of leader"],
    )
    assert told["step 3"].startswith(f"switchover from {leader} to")
    assert told["approved by"].startswith("anna@example.org (SHA256:")
    # A bound from above: the looks before and after it belong to it, however slow the machine.
    assert 0 < float(told["seconds without writes, at most"]) <= gaps[0] + 15


def test_a_resize_that_is_killed_again_and_again(stage: Stage) -> None:
    """Each run goes on where the one before was killed, on the first one's approval."""
    reports, target = [], SMALL if LARGE in stage.sizes().values() else LARGE
    with Writer(stage.bed) as writer, counted(stage) as running:
        for act in (*KILLS, "none: to its end"):
            stage.bed.wait_synchronous()  # whoever takes over comes minutes later
            run = stage.killed_at(act, target)
            reports.append(run.stdout or run.stderr[-3000:])
        stage.bed.wait_healthy()
    assert '"trouble":null' in reports[-1], reports
    killed = [report.partition("killed at ")[2].split(" of ")[0] for report in reports[:-1]]
    assert list(KILLS) == killed, reports
    assert dict.fromkeys(MEMBERS, target) == stage.sizes()
    assert (set(), 2) == (writer.lost(), min(running))


def test_a_broken_replica_is_copied_anew(stage: Stage) -> None:
    """Its data are thrown away and copied from the primary; the others are not touched."""
    leader = stage.bed.leader()
    broken = next(name for name in MEMBERS if name != leader)
    before = {name: stage.bed.members[name].postmaster for name in MEMBERS}
    outcome = stage.carry_out(PlanKind.REPAIR, member=broken)
    assert outcome.trouble is None, outcome
    stage.bed.wait_healthy()
    after = {name: stage.bed.members[name].postmaster for name in MEMBERS}
    assert [broken] == [name for name in MEMBERS if before[name] != after[name]]


RESTARTS = [
    pytest.param(LIMITS["max_connections"] + 10, 2, "switchover from {}", id="raised: it is last"),
    pytest.param(LIMITS["max_connections"], 0, "{} (in place)", id="lowered: it is first"),
]


@pytest.mark.parametrize(("connections", "turn", "step"), RESTARTS)
def test_a_restart_for_a_limit(stage: Stage, connections: int, turn: int, step: str) -> None:
    """The primary's turn is such that no replica ever has less than it: that one would not replay.

    A switchover starts the old primary's PostgreSQL anew: that is its restart.
    """
    stage.bed.patch(postgresql={"parameters": {"max_connections": connections}})
    stage.bed.wait_pending(MEMBERS)
    leader = stage.bed.leader()
    outcome = stage.carry_out(PlanKind.RESTART)
    assert outcome.trouble is None, outcome
    assert outcome.done[turn].startswith(step.format(leader)), outcome.done
    stage.bed.wait_healthy()
    members = stage.bed.members.values()
    assert [str(connections)] * 3 == [member.query("SHOW max_connections") for member in members]
    assert [] == [m.name for m in members if "insufficient parameter settings" in m.log]
    assert [] == [m.name for m in members if m.view().get("pending_restart")]
