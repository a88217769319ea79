"""What a real cluster's changes are refused for; nothing is changed by any of them."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from springtide.clouds.etcd.gateway import Etcd
from springtide.clouds.etcd.lease import held_lease
from springtide.errors import GuardRefused, Misconfigured
from springtide.model.core import VirtualMachineSize
from springtide.model.database_plan import PlanKind, Wish
from springtide.planning.approvals import statement_of
from tasks.database_change import DatabaseChange
from tests.environment import environment
from tests.real.patroni.bed import MEMBERS, PASSWORD, USER, PatroniBed
from tests.real.patroni.machines import MACHINES
from tests.real.patroni.stage import Stage, carried_out
from tests.real.patroni.writer import Writer
from tests.real.postgres import ACCOUNT, BINARIES

pytestmark = pytest.mark.real

OTHER = VirtualMachineSize(vcpus=12, ram_mib=48 * 1024)
"""A size that no member ever has here."""
LOG_DISK = "/var/lib/postgresql"


def refused(stage: Stage, **wish: Any) -> str:  # noqa: ANN401 - a wish's fields
    """Why a resize is not proposed."""
    with pytest.raises(GuardRefused) as error:
        stage.propose(PlanKind.RESIZE, **{"size": OTHER, **wish})
    return str(error.value)


@pytest.fixture(autouse=True)
def nothing_changes(stage: Stage) -> Iterator[None]:
    """The cluster is well before and after; same leader, same processes, same machines."""
    stage.bed.wait_healthy()

    def state() -> object:
        pids = [stage.bed.members[name].postmaster for name in MEMBERS]
        return stage.bed.leader(), pids, stage.sizes()

    before = state()
    yield
    stage.bed.wait_healthy()
    assert before == state()


def replica(bed: PatroniBed, *, synchronous: bool = False) -> str:
    """One of the replicas."""
    views = {name: member.view() for name, member in bed.members.items()}
    return next(
        name
        for name, view in views.items()
        if view["role"] == "replica" and bool(view.get("sync_standby")) == synchronous
    )


def asked(bed: PatroniBed, member: str, *statements: str) -> None:
    """Have the member's PostgreSQL do this."""

    async def ask() -> None:
        connection = await asyncpg.connect(**bed.members[member].connection)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(ask())


def test_a_member_that_does_not_answer(stage: Stage) -> None:
    """Its PostgreSQL may well run: whoever is not asked is not known."""
    member = stage.bed.members[replica(stage.bed)]
    member.freeze()
    try:
        assert f"{member.name} does not answer: ReadTimeout" in refused(stage)
    finally:
        member.thaw()


@pytest.mark.parametrize(
    ("process", "behind"),
    [
        pytest.param("startup", ["replayed"], id="replays nothing"),
        pytest.param("walreceiver", ["received", "replayed"], id="receives nothing"),
    ],
)
def test_a_member_that_is_behind(stage: Stage, process: str, behind: list[str]) -> None:
    """What it has received and what can be read there are two things, and both count."""
    member = replica(stage.bed)
    pid = stage.bed.members[member].child(process)
    os.kill(pid, signal.SIGSTOP)
    filler = "CREATE TABLE filler AS SELECT repeat('x', 900) FROM generate_series(1, 40000)"
    asked(stage.bed, str(stage.bed.leader()), "DROP TABLE IF EXISTS filler", filler)
    try:
        why = refused(stage)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert behind == [w for w in ("received", "replayed") if f"{member} has not {w}" in why], why


def test_a_paused_cluster(stage: Stage) -> None:
    """Paused, it would not replace a leader that dies."""
    stage.bed.patch(pause=True)
    try:
        assert "the cluster is paused" in refused(stage)
    finally:
        stage.bed.patch(pause=None)


@contextmanager
def a_scheduled_switchover(bed: PatroniBed) -> Iterator[None]:
    """Somebody wants one in an hour."""
    leader = bed.leader()
    url = f"{bed.members[str(leader)].url}/switchover"
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    wish = {"leader": leader, "scheduled_at": at}
    login = (USER, PASSWORD)
    httpx.post(url, json=wish, auth=login, timeout=30, trust_env=False).raise_for_status()
    yield
    httpx.delete(url, auth=login, timeout=30, trust_env=False).raise_for_status()


def test_a_scheduled_switchover(stage: Stage) -> None:
    """It would come in the midst of ours."""
    with a_scheduled_switchover(stage.bed):
        assert "a switchover is scheduled for" in refused(stage)


@contextmanager
def running(bed: PatroniBed, program: str, *arguments: str, member: str) -> Iterator[None]:
    """One of PostgreSQL's own programs at work on the member for this while."""
    where = ("--host", "127.0.0.1", "--port", str(bed.members[member].port))
    command = [str(BINARIES / program), *where, *arguments]
    with subprocess.Popen(
        command,
        env={**os.environ, "PGPASSWORD": PASSWORD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def refused_in_time(stage: Stage, why: str) -> bool:
    """Whether a resize is refused for that; what was just started may need a moment."""
    for _ in range(5):
        try:
            stage.propose(PlanKind.RESIZE, size=OTHER)
        except GuardRefused as error:
            if why in str(error):
                return True
    return False


def test_a_prepared_transaction(stage: Stage) -> None:
    """It outlives a restart, and holds its locks until somebody ends it."""
    leader = str(stage.bed.leader())
    asked(stage.bed, leader, "BEGIN", "CREATE TABLE kept ()", "PREPARE TRANSACTION 'kept'")
    try:
        assert f"{leader}: 1 prepared transaction open" in refused(stage)
    finally:
        asked(stage.bed, leader, "ROLLBACK PREPARED 'kept'")


def test_a_dump_that_runs(stage: Stage) -> None:
    """It would be cut off; it waits here for a table that somebody has locked."""
    leader = str(stage.bed.leader())

    async def dump() -> bool:
        holder = await asyncpg.connect(**stage.bed.members[leader].connection)
        await holder.execute("CREATE TABLE IF NOT EXISTS held ()")
        await holder.execute("BEGIN; LOCK TABLE held")
        with running(stage.bed, "pg_dump", "--username", ACCOUNT, ACCOUNT, member=leader):
            seen = await asyncio.to_thread(refused_in_time, stage, f"{leader}: 1 dump under way")
            await holder.close()
        return seen

    assert asyncio.run(dump())


def test_a_base_backup_that_is_taken(stage: Stage, tmp_path: Path) -> None:
    """It would have to begin anew; here it is given 32 kB a second."""
    # Of the leader: a replica gives none where full-page writes are off.
    member = str(stage.bed.leader())
    slowly = ("--max-rate=32", "--checkpoint=fast", "--wal-method=none", "--no-sync")
    into = ("--username", "replicator", "--pgdata", str(tmp_path / "copy"))
    with running(stage.bed, "pg_basebackup", *slowly, *into, member=member):
        assert refused_in_time(stage, f"{member}: 1 base backup under way")


def test_a_watchdog_that_is_required_and_does_not_work(stage: Stage) -> None:
    """Such a member would never lead, so the switchover could go to one other alone."""
    member = replica(stage.bed)
    stage.bed.require_watchdog(member, required=True)
    try:
        assert f"{member}: the watchdog that it requires does not work" in refused(stage)
    finally:
        stage.bed.require_watchdog(member, required=False)


def test_a_vcenter_without_headroom(stage: Stage) -> None:
    """It has no room for three machines of that size; every reason is told."""
    huge = VirtualMachineSize(vcpus=16, ram_mib=380 * 1024)
    assert "would have promised" in refused(stage, size=huge)


def test_no_room_for_the_log(stage: Stage) -> None:
    """What VMware Tools measure in a guest overrules what the estate takes for granted."""
    limits = {"step_minutes": 180, "wal_room_mib": 1_000_000}
    stage.write_estate(wal_disk=LOG_DISK, limits=limits)
    member = replica(stage.bed)
    disk = {"path": LOG_DISK, "capacity_bytes": 10**12, "free_bytes": 1024**2}
    try:
        with Writer(stage.bed):
            stage.propose(PlanKind.RESIZE, size=OTHER)
            stage.simulator.set_virtual_machine(MACHINES[member], disks=[disk])
            assert f"{member} has room for 1" in refused(stage)
    finally:
        stage.simulator.set_virtual_machine(MACHINES[member], disks=[])
        stage.write_estate()


def test_no_verified_backup(stage: Stage) -> None:
    """Prefect knows of no run that verified it."""
    backed_up = {
        "vaults": [
            {
                "name": "databases",
                "region": "GRA11",
                "container": "backup-databases",
                "password_file": str(stage.folder / "password"),
            }
        ],
        "sources": [
            {
                "name": "school-db",
                "vault": "databases",
                "paths": ["/srv/school"],
                "restore_folder": "/srv/restored",
            }
        ],
    }
    waivers = {"watchdog": "there is none where tests run"}
    stage.write_estate(estate=backed_up, backup_source="school-db", waivers=waivers)
    try:
        why = refused(stage)
        assert "there is no verified backup" in why
        assert "there is no archived WAL" in why
    finally:
        stage.write_estate()


def test_what_is_lacking_and_not_waived(stage: Stage) -> None:
    """A watchdog that nobody vouches for."""
    stage.write_estate(waivers={"backup": "what it holds is made anew by each test"})
    try:
        assert "watchdog is off, and waivers.watchdog does not say why" in refused(stage)
    finally:
        stage.write_estate()


def test_another_plans_approval_and_a_late_one(stage: Stage) -> None:
    """The line names the plan's hash and its end; both are checked before anything is done."""
    change = stage.change(PlanKind.RESIZE, size=OTHER)
    other = stage.propose(PlanKind.RESIZE, size=VirtualMachineSize(vcpus=4, ram_mib=32 * 1024))
    found = asyncio.run(change.propose())
    policy, now = change.approvers.policy, change.now()
    for line, at, why in (
        (statement_of(other.proposal, policy, now), now, "another plan was approved"),
        (statement_of(found.proposal, policy, now), now + timedelta(minutes=30), "came late"),
    ):
        with pytest.raises(GuardRefused, match=why):
            change.approvers.approval(found.proposal, line, [stage.on_call.sign(line)], now=at)


def test_another_change_is_under_way(stage: Stage) -> None:
    """Its lease is held: nobody else's act begins."""

    async def beside() -> str:
        etcd = Etcd(stage.cluster.store)
        async with held_lease(etcd, "/springtide/school/", holder="another run"):
            try:
                async with held_lease(etcd, "/springtide/school/", holder="this", wait_s=1):
                    return "both had it"
            except GuardRefused as error:
                return str(error)

    assert "another change of this cluster is under way: another run" == asyncio.run(beside())


def test_a_lease_that_was_lost(stage: Stage) -> None:
    """Whoever lost it does nothing more, and writes nothing down."""

    async def lose() -> list[str]:
        etcd, told = Etcd(stage.cluster.store), []
        async with held_lease(etcd, "/springtide/school/", holder="this") as lease:
            await lease.check()
            await lease.give_back()
            for act in (lease.check(), lease.write("change", "mine")):
                with pytest.raises(GuardRefused) as error:
                    await act
                told.append(str(error.value))
        return told

    assert 2 == len([told for told in asyncio.run(lose()) if "the lease was lost" in told])


def test_wrong_credentials(stage: Stage) -> None:
    """Patroni takes no change from whom it does not know; it stops at the first."""
    with environment(SPRINGTIDE_PATRONI_PASSWORD="another"):  # noqa: S106 - a wrong one
        outcome = carried_out(stage.change(PlanKind.SWITCHOVER), stage.on_call)
    assert "refuses our user (401)" in str(outcome.trouble)


def test_an_asynchronous_standby_is_no_successor(stage: Stage) -> None:
    """The primary does not wait for it: what was acknowledged could be lost."""
    member = replica(stage.bed)
    outcome = carried_out(stage.change(PlanKind.SWITCHOVER, member=member), stage.on_call)
    assert "can take over from" in str(outcome.trouble)


def test_the_leader_is_never_copied_anew_and_a_fleet_is_no_cluster(stage: Stage) -> None:
    """Refused before anything is looked at twice."""
    with pytest.raises(GuardRefused, match="leads: a leader is never thrown away"):
        stage.propose(PlanKind.REPAIR, member=str(stage.bed.leader()))
    fleet = DatabaseChange(stage.estate_file, Wish(kind=PlanKind.RESTART, cluster="api"))
    with pytest.raises(GuardRefused, match="api is a fleet"):
        asyncio.run(fleet.propose())
    nobody = DatabaseChange(stage.estate_file, Wish(kind=PlanKind.RESTART, cluster="shop"))
    with pytest.raises(Misconfigured, match="no database cluster 'shop'"):
        asyncio.run(nobody.propose())
