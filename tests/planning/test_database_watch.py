"""How a database cluster is judged by whoever watches: what hurts is red, what was is amber."""

from datetime import timedelta, timezone

import pytest

from springtide.model.cluster_view import ClusterView, LeaderChange, MemberView, StoreView
from springtide.model.readiness import Readiness
from springtide.planning.core_watch import core_alarm, telling_after
from springtide.planning.database_watch import judge_database, unasked
from tests.planning.clusters import MIB, NOW, WRITTEN, a_cluster, a_replica, a_view

PARIS = timezone(timedelta(hours=1))
"""As a member's own clock tells it."""
RED, AMBER, GREEN = Readiness.RED, Readiness.AMBER, Readiness.GREEN


@pytest.mark.parametrize(
    ("view", "verdict", "detail"),
    [
        pytest.param(a_view(), GREEN, "db2 leads, all others stream", id="well"),
        pytest.param(
            a_view(MemberView(name="db3", trouble="ConnectError")), RED, "db3 does not", id="away"
        ),
        pytest.param(
            a_view(a_replica("db3", replayed=WRITTEN - 17 * MIB)), RED, "has not replayed", id="lag"
        ),
        pytest.param(a_view(a_replica("db2")), RED, "one member has to be primary", id="leader"),
        pytest.param(
            a_view(store=StoreView(members=3, healthy=1)),
            RED,
            "the store has no quorum",
            id="store",
        ),
        pytest.param(a_view(a_replica("db3", paused=True)), AMBER, "is paused", id="pause"),
        pytest.param(a_view(scheduled_switchover="22:00"), AMBER, "is scheduled", id="scheduled"),
    ],
)
def test_a_look(view: ClusterView, verdict: Readiness, detail: str) -> None:
    """The first finding says it."""
    first = judge_database(a_cluster(), view, (), NOW)[0]
    assert verdict is first.verdict
    assert detail in first.detail


def test_what_gets_worse_is_news() -> None:
    """A member is away, and people know; half an hour later nobody leads, and they are told."""
    away = a_view(MemberView(name="db3", trouble="ConnectError"))
    first = judge_database(a_cluster(), away, (), NOW)
    told = telling_after(first, None, alarm=core_alarm(first, None, NOW), now=NOW)
    later = NOW + timedelta(minutes=30)
    assert core_alarm(first, told, later) is None
    worse = a_view(
        MemberView(name="db3", trouble="ConnectError"),
        MemberView(name="db2", trouble="ReadTimeout"),
    )
    found = judge_database(a_cluster(), worse, (), later)
    alarm = core_alarm(found, told, later) or ""
    assert "school: leader: one member has to be primary" in alarm
    assert "school: db2: db2 does not answer" in alarm


def test_a_failover_is_told_for_a_day() -> None:
    """From whom, to whom and when; one of long ago is history."""
    changes = [
        LeaderChange(timeline=2, leader="db2", at=NOW - timedelta(days=9)),
        LeaderChange(timeline=3, leader="db1", at=NOW - timedelta(days=1)),
        LeaderChange(timeline=4, leader="db2", at=(NOW - timedelta(minutes=9)).astimezone(PARIS)),
    ]
    told = [f.detail for f in judge_database(a_cluster(), a_view(), changes, NOW)]
    assert [
        "db1 leads since 09:00 UTC instead of db2 (timeline 3)",
        "db2 leads since 08:51 UTC instead of db1 (timeline 4)",
    ] == told
    later = judge_database(a_cluster(), a_view(), changes[:2], NOW + timedelta(seconds=1))
    assert [GREEN] == [f.verdict for f in later]


def test_a_cluster_that_cannot_be_asked() -> None:
    """It is red: nobody knows."""
    (finding,) = unasked("school", "no member of school tells /config")
    assert (RED, True) == (finding.verdict, "could not be looked at" in finding.detail)
