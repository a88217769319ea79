"""Patroni's members as they speak for themselves, and what becomes of a change's answers.

The documents are Patroni 4.1.5's; on a real cluster the same code is held to the program itself.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.patroni.cluster import PatroniCluster
from springtide.clouds.patroni.views import (
    cluster_settings,
    leader_changes,
    member_view,
    scheduled_switchover,
)
from springtide.errors import GuardRefused, Misconfigured, ReplyLost, Retryable
from springtide.model.cluster_view import PendingParameter, Role
from springtide.model.database import DatabaseCluster
from tests.clouds.scripted_server import ScriptedServer, scripted_server
from tests.planning.clusters import a_cluster

NAMED = {"version": "4.1.5", "scope": "school", "name": "db1"}
REPLICA: dict[str, Any] = {
    "state": "running",
    "postmaster_start_time": "2026-11-29 20:22:17.286417+00:00",
    "role": "replica",
    "xlog": {"received_location": 67108944, "replayed_location": 67108900, "paused": False},
    "timeline": 1,
    "replication_state": "streaming",
    "sync_standby": True,
    "database_system_identifier": "7713691350720060782",
    "patroni": NAMED,
}
PRIMARY: dict[str, Any] = {
    "state": "running",
    "role": "primary",
    "xlog": {"location": 67108944},
    "timeline": 1,
    "pause": True,
    "pending_restart": True,
    "pending_restart_reason": {"max_connections": {"old_value": "40", "new_value": "50"}},
    "patroni": NAMED,
}
LOGIN = {"SPRINGTIDE_PATRONI_USER": "springtide", "SPRINGTIDE_PATRONI_PASSWORD": "a word"}
BASIC = "Basic c3ByaW5ndGlkZTphIHdvcmQ="


def test_a_replicas_view() -> None:
    """What it received and what it replayed are apart."""
    view = member_view("db1", REPLICA)
    assert (Role.REPLICA, True, True, True) == (
        view.role,
        view.streaming,
        view.synchronous,
        view.serving,
    )
    assert (67108944, 67108900, None) == (view.received, view.replayed, view.written)
    assert view.started_at is not None
    assert not view.watchdog_failed
    assert member_view("db1", REPLICA | {"watchdog_failed": True}).watchdog_failed


def test_a_primarys_view() -> None:
    """It does not stream, and serves; what waits for a restart is told by its values."""
    view = member_view("db2", PRIMARY)
    assert (Role.PRIMARY, False, True, 67108944) == (
        view.role,
        view.streaming,
        view.serving,
        view.written,
    )
    assert (PendingParameter(name="max_connections", now="40", then="50"),) == view.pending
    assert view.paused
    assert view.pending_restart


@pytest.mark.parametrize(
    ("said", "serving"),
    [
        pytest.param({"role": "master"}, True, id="the old name"),
        pytest.param({"role": "standby_leader"}, True, id="leads a cluster that follows another"),
        pytest.param({"role": "replica", "replication_state": None}, False, id="does not stream"),
        pytest.param(
            {"role": "replica", "replication_state": "in archive recovery"}, False, id="a"
        ),
        pytest.param({"role": "primary", "state": "starting"}, False, id="starts"),
        pytest.param({"role": None}, False, id="no role"),
    ],
)
def test_who_serves(*, said: dict[str, Any], serving: bool) -> None:
    """A primary that runs, and a replica that streams."""
    assert serving == member_view("db1", {**PRIMARY, **said}).serving


def test_settings_and_schedules() -> None:
    """Patroni's quorum is a synchronous mode, too."""
    settings = cluster_settings({"synchronous_mode": "quorum", "pause": True})
    assert (True, False, True) == (
        settings.synchronous_mode,
        settings.failsafe_mode,
        settings.paused,
    )
    assert "22:00" == scheduled_switchover({"scheduled_switchover": {"at": "22:00"}})
    assert scheduled_switchover({"members": []}) is None


def test_changes_of_leader_are_told_in_a_members_own_zone() -> None:
    """What Patroni writes down is an instant all the same; older entries say less."""
    entry = [1, 25, "no recovery target specified", "2026-11-30T22:03:00+01:00", "db2"]
    first, second = leader_changes([entry, [2, 50, "switched"]])
    assert (2, "db2", datetime(2026, 11, 30, 21, 3, tzinfo=UTC)) == (
        first.timeline,
        first.leader,
        first.at,
    )
    assert (3, "", None) == (second.timeline, second.leader, second.at)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """What answers for db1; db2 and db3 are not there."""
    with scripted_server(**{"GET /patroni": (200, REPLICA)}) as found:
        yield found


def cluster_on(server: ScriptedServer) -> DatabaseCluster:
    """The cluster, with db1 on that server."""
    known = a_cluster().model_dump(mode="json")
    known["members"][0]["url"] = server.url
    for member in known["members"][1:]:
        member["url"] = f"http://127.0.0.1:1/{member['name']}"
    return DatabaseCluster.model_validate(known)


def on(server: ScriptedServer, ask: Any, *, folder: Path | None = None) -> Any:  # noqa: ANN401 - any answer
    """The answer of the cluster."""

    async def run() -> Any:  # noqa: ANN401 - as above
        audit = AuditLog(folder, run="a-run", who="tests")
        async with PatroniCluster(cluster_on(server), audit, LOGIN) as cluster:
            return await ask(cluster)

    return asyncio.run(run())


def test_members_that_are_not_there_are_told(server: ScriptedServer) -> None:
    """Nothing is raised for them; the one that answers speaks for itself."""
    first, second, third = on(server, lambda cluster: cluster.members())
    assert (True, None) == (first.serving, first.trouble)
    assert ["ConnectError"] * 2 == [str(v.trouble).split()[0] for v in (second, third)]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        pytest.param((200, {"patroni": {**NAMED, "scope": "shop"}}), "of the cluster shop", id="c"),
        pytest.param((200, {"patroni": {**NAMED, "name": "db9"}}), "is db9 of", id="member"),
        pytest.param((200, {"hello": 1}), "is no Patroni", id="something else"),
        pytest.param((200, "<html>"), "JSONDecodeError", id="no JSON"),
    ],
)
def test_whoever_answers_in_a_members_place(
    server: ScriptedServer, answer: tuple[int, Any], trouble: str
) -> None:
    """An address that leads elsewhere is no member of ours."""
    server.answers["GET /patroni"] = answer
    assert trouble in on(server, lambda cluster: cluster.members())[0].trouble


def test_a_replica_that_is_down_still_speaks(server: ScriptedServer) -> None:
    """Patroni answers 503 where its PostgreSQL does not run: it is an answer all the same."""
    server.answers["GET /patroni"] = (503, {"state": "stopped", "patroni": NAMED})
    view = on(server, lambda cluster: cluster.members())[0]
    assert ("stopped", None, False) == (view.state, view.trouble, view.serving)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        pytest.param((401, "no auth"), Misconfigured, r"refuses our user \(401\)", id="who"),
        pytest.param((412, "leader name does not match"), GuardRefused, "does not match", id="412"),
        pytest.param((412, "no good candidates"), GuardRefused, "no good", id="candidate"),
        pytest.param((409, "in the way"), GuardRefused, "in the way", id="409"),
        pytest.param((503, "status unknown"), ReplyLost, "503 status unknown", id="503"),
        pytest.param((400, "what"), GuardRefused, "refuses /switchover: what", id="400"),
        pytest.param((202, "scheduled"), GuardRefused, "has only scheduled it", id="202"),
        pytest.param((500, "oops"), ReplyLost, "failed at /switchover: 500 oops", id="500"),
    ],
)
def test_a_change_that_is_not_done(
    server: ScriptedServer, answer: tuple[int, str], error: type[Exception], why: str
) -> None:
    """Refused, or not known: the caller looks again."""
    server.answers["POST /switchover"] = answer
    with pytest.raises(error, match=why):
        on(server, lambda cluster: cluster.switch_over("db1", "db2", why="a test"))


def test_what_503_says_of_other_changes(server: ScriptedServer) -> None:
    """A restart may have been made, and PostgreSQL starts yet; a copy was not begun."""
    server.answers["POST /restart"] = (503, "postgres is still starting")
    with pytest.raises(ReplyLost, match="503 postgres is still starting"):
        on(server, lambda cluster: cluster.restart("db1", "replica", why="a test"))
    server.answers["POST /reinitialize"] = (503, "Cluster has no leader")
    with pytest.raises(GuardRefused, match="refuses /reinitialize: Cluster has no leader"):
        on(server, lambda cluster: cluster.reinitialise("db1", why="a test"))


def test_a_change_names_what_it_assumes_and_is_audited(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The leader with its successor, the role that is restarted; each with our login."""
    for path in ("switchover", "restart", "reinitialize"):
        server.answers[f"POST /{path}"] = (200, "done")

    async def change(cluster: PatroniCluster) -> None:
        await cluster.switch_over("db1", "db2", why="a test")
        await cluster.restart("db1", "replica", why="a test")
        await cluster.reinitialise("db1", why="a test")

    on(server, change, folder=tmp_path)
    assert [
        ("POST /switchover", {"leader": "db1", "candidate": "db2"}, BASIC),
        ("POST /restart", {"role": "replica"}, BASIC),
        ("POST /reinitialize", {"force": True}, BASIC),
    ] == server.asked
    lines = (tmp_path / "a-run.jsonl").read_text("utf-8")
    assert 6 == lines.count('"patroni"')
    assert "a word" not in lines


def test_a_member_that_is_away_changes_nothing(server: ScriptedServer) -> None:
    """It was not reached at all, so nothing can have been done."""
    with pytest.raises(Retryable, match="db2 does not answer"):
        on(server, lambda cluster: cluster.restart("db2", "replica", why="a test"))


def test_without_credentials_nothing_is_sent(server: ScriptedServer) -> None:
    """The message names the variables."""

    async def run() -> None:
        audit = AuditLog(None, run="a-run", who="tests")
        async with PatroniCluster(cluster_on(server), audit, {}) as cluster:
            await cluster.restart("db1", "replica", why="a test")

    with pytest.raises(Misconfigured, match=r"\$SPRINGTIDE_PATRONI_USER"):
        asyncio.run(run())
    assert [] == server.asked


def test_what_nobody_tells(server: ScriptedServer) -> None:
    """No member answers for the settings: the look is not whole, and raises."""
    with pytest.raises(Retryable, match="no member of school tells /config"):
        on(server, lambda cluster: cluster.settings())
