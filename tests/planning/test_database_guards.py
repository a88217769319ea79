"""What must hold before a database cluster is touched: each reason, on both sides of its edge."""

from datetime import timedelta
from typing import Any

import pytest

from springtide.model.cluster_view import (
    BackupFacts,
    ClusterSettings,
    ClusterView,
    DatabaseFacts,
    MachineFacts,
    MemberView,
    StoreView,
)
from springtide.planning.database_guards import (
    backup_limitation,
    cluster_limitation,
    facts_limitation,
    machines_limitation,
)
from tests.planning.clusters import (
    MIB,
    NAMES,
    NOW,
    WRITTEN,
    a_cluster,
    a_primary,
    a_replica,
    a_view,
    machines,
)

ON = ClusterSettings(synchronous_mode=True, failsafe_mode=True)
SHARED = {"urls": ["http://127.0.0.1:2379"], "on_members": ["db1", "db2", "db3"]}


def test_a_cluster_that_is_well_may_be_changed() -> None:
    """No reason not to."""
    assert cluster_limitation(a_view(), a_cluster()) is None


@pytest.mark.parametrize(
    ("view", "why"),
    [
        pytest.param(
            a_view(MemberView(name="db3", trouble="ConnectError")),
            "db3 does not answer: ConnectError",
            id="unreachable",
        ),
        pytest.param(
            a_view(a_replica("db3", streaming=False)), "db3 is running, replica, and", id="silent"
        ),
        pytest.param(a_view(a_replica("db3", state="starting")), "db3 is starting", id="starting"),
        pytest.param(
            a_view(a_replica("db3", received=WRITTEN - 16 * MIB - 1)),
            "db3 has not received 17 MiB, 16 are allowed",
            id="received",
        ),
        pytest.param(
            a_view(a_replica("db3", replayed=WRITTEN - 40 * MIB)),
            "db3 has not replayed 40 MiB, 16 are allowed",
            id="replayed",
        ),
        pytest.param(
            a_view(a_replica("db3", received=None)), "db3: how far it is behind", id="unknown"
        ),
        pytest.param(
            a_view(a_replica("db3", replay_paused=True)), "db3: its replay is paused", id="paused"
        ),
        pytest.param(a_view(a_replica("db2")), "one member has to be primary; these", id="none"),
        pytest.param(
            a_view(a_primary("db3")), "these say that they are: db2, db3", id="two primaries"
        ),
        pytest.param(a_view(a_replica("db3", timeline=2)), "different timelines: 1, 2", id="line"),
        pytest.param(a_view(a_replica("db3", system="8")), "different database", id="system"),
        pytest.param(a_view(a_replica("db3", paused=True)), "the cluster is paused", id="pause"),
        pytest.param(
            a_view(settings=ON.model_copy(update={"paused": True})), "is paused", id="pause of all"
        ),
        pytest.param(a_view(scheduled_switchover="22:00"), "scheduled for 22:00", id="scheduled"),
        pytest.param(
            a_view(a_replica("db3", scheduled_restart=True)), "restart is scheduled", id="restart"
        ),
        pytest.param(
            a_view(a_replica("db3", pending_restart=True)), "restart is pending", id="pending"
        ),
        pytest.param(a_view(a_replica("db1")), "no member is a synchronous standby", id="sync"),
        pytest.param(
            a_view(store=StoreView(members=3, healthy=1)), "the store has no quorum: 1 of 3", id="q"
        ),
        pytest.param(
            a_view(wal_bytes_per_s=9.2 * MIB), "8280 MiB of WAL would be kept", id="WAL room"
        ),
        pytest.param(
            a_view(wal_bytes_per_s=2 * MIB, wal_room_mib={"db3": 1799}),
            "db3 has room for 1799",
            id="measured WAL room",
        ),
        pytest.param(
            a_view(a_replica("db3", watchdog_failed=True)),
            "db3: the watchdog that it requires does not work",
            id="watchdog",
        ),
        pytest.param(
            a_view(settings=ClusterSettings(failsafe_mode=True)),
            "synchronous_mode is off, and waivers.synchronous_mode does not say why",
            id="asynchronous",
        ),
        pytest.param(
            a_view(settings=ClusterSettings(synchronous_mode=True)), "failsafe_mode", id="failsafe"
        ),
    ],
)
def test_why_a_cluster_is_left_alone(view: ClusterView, why: str) -> None:
    """The reason names the member, what is there and what is allowed."""
    assert why in (cluster_limitation(view, a_cluster()) or "")


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(a_view(a_replica("db3", received=WRITTEN - 16 * MIB)), id="at the limit"),
        pytest.param(a_view(a_replica("db3", received=WRITTEN + 5)), id="ahead of the first look"),
        pytest.param(a_view(store=StoreView(members=3, healthy=2)), id="a store elsewhere"),
        pytest.param(a_view(wal_bytes_per_s=9.1 * MIB), id="WAL fits"),
        pytest.param(
            a_view(wal_bytes_per_s=9.2 * MIB, wal_room_mib=dict.fromkeys(NAMES, 8280)),
            id="more is measured than declared",
        ),
    ],
)
def test_what_is_still_allowed(view: ClusterView) -> None:
    """The near side of each edge."""
    assert cluster_limitation(view, a_cluster()) is None


def test_the_store_on_the_members_machines() -> None:
    """It has to keep its quorum with one more machine gone."""
    shared = a_cluster(store=SHARED)
    assert cluster_limitation(a_view(), shared) is None
    found = cluster_limitation(a_view(store=StoreView(members=3, healthy=2)), shared)
    assert "would lose its quorum" in (found or "")
    alone = a_view(store=StoreView(members=1, healthy=1))
    assert "would lose its quorum" in (cluster_limitation(alone, shared) or "")


def test_every_reason_is_told_at_once() -> None:
    """Nobody has to start again to find the next one."""
    view = a_view(a_replica("db3", streaming=False), scheduled_switchover="22:00")
    found = cluster_limitation(view, a_cluster(watchdog=False))
    assert 3 == len((found or "").split("; "))


@pytest.mark.parametrize(
    ("changes", "waived"),
    [
        pytest.param({"watchdog": False}, "watchdog", id="watchdog"),
        pytest.param({"backup_source": None}, "backup", id="backup"),
    ],
)
def test_what_is_lacking_has_to_be_waived(changes: dict[str, Any], waived: str) -> None:
    """By name, and with a reason that is long enough to be one."""
    reason = {waived: "agreed upon until the new machines are there"}
    if waived != "backup":
        found = cluster_limitation(a_view(), a_cluster(**changes))
        assert f"waivers.{waived} does not say why" in (found or "")
    assert cluster_limitation(a_view(), a_cluster(**changes, waivers=reason)) is None
    with pytest.raises(ValueError, match=waived):
        a_cluster(**changes, waivers={waived: "because"})


def test_a_member_aside_may_be_down() -> None:
    """The one whose step was cut off; any other one may not."""
    down = MemberView(name="db3", trouble="ConnectError")
    assert cluster_limitation(a_view(down), a_cluster(), aside="db3") is None
    assert cluster_limitation(a_view(down), a_cluster(), aside="db1") is not None
    led = a_view(a_primary("db3"))
    assert cluster_limitation(led, a_cluster(), aside="db3") is not None


def test_a_member_aside_may_have_taken_its_part_of_the_store_along() -> None:
    """Two of three answer without it, and no further machine goes down to bring it back."""
    shared, short = a_cluster(store=SHARED), StoreView(members=3, healthy=2)
    down = a_view(MemberView(name="db3", trouble="ConnectError"), store=short)
    assert cluster_limitation(down, shared, aside="db3") is None
    two = a_cluster(store=SHARED | {"on_members": ["db1", "db2"]})
    assert "would lose its quorum" in (cluster_limitation(down, two, aside="db3") or "")
    lost = a_view(down.member("db3"), store=StoreView(members=3, healthy=1))
    assert "has no quorum" in (cluster_limitation(lost, shared, aside="db3") or "")


def test_the_only_standby_may_be_the_one_aside() -> None:
    """Of two members nobody else could be synchronous."""
    broken = a_replica("db1", state="start failed", streaming=False)
    members = (broken, a_primary("db2"))
    view = a_view().model_copy(update={"members": members})
    assert cluster_limitation(view, a_cluster(), aside="db1") is None
    assert "no member is a synchronous" in (cluster_limitation(view, a_cluster()) or "")


def test_a_pending_restart_is_what_a_restart_is_for() -> None:
    """It is no reason against that one change."""
    view = a_view(a_replica("db3", pending_restart=True))
    assert cluster_limitation(view, a_cluster(), pending_allowed=True) is None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"trouble": "db3 is silent"}, "db3 is silent", id="no answer"),
        pytest.param({"dumps": 1}, "db3: 1 dump under way", id="dump"),
        pytest.param({"base_backups": 2}, "db3: 2 base backups under way", id="base backup"),
        pytest.param(
            {"prepared_transactions": 1}, "db3: 1 prepared transaction open", id="prepared"
        ),
    ],
)
def test_what_runs_on_a_member(facts: dict[str, Any], why: str | None) -> None:
    """It has to end first: a restart would end it the hard way."""
    found = facts_limitation([DatabaseFacts(member="db3", **facts)])
    assert (why is None) == (found is None)
    assert (found or "").startswith(why or "")


def test_the_members_machines() -> None:
    """No snapshot, all on, none together with another on one host."""
    fine = machines()
    assert machines_limitation(tuple(fine.values())) is None
    off = tuple(machines(off=("db3",)).values())
    assert "db3's machine is off" == machines_limitation(off)
    assert machines_limitation(off, aside="db3") is None
    kept = MachineFacts(member="db3", size="", on=True, host="esx-9", snapshots=1)
    assert "db3's machine has 1 snapshot" == machines_limitation([kept])
    together = MachineFacts(member="db3", size="", on=True, host="esx-0")
    found = machines_limitation([fine["db1"], fine["db2"], together])
    assert "2 members are on host esx-0: with it they would go together" == found


@pytest.mark.parametrize(
    ("verified", "archived", "why"),
    [
        pytest.param(26 * 60, 15, None, id="at the edge"),
        pytest.param(26 * 60 + 1, 15, "the newest verified backup is of", id="old backup"),
        pytest.param(None, 15, "there is no verified backup", id="no backup"),
        pytest.param(60, 16, "the newest archived WAL is of", id="old WAL"),
        pytest.param(60, None, "there is no archived WAL", id="no WAL"),
    ],
)
def test_the_way_back(verified: int | None, archived: int | None, why: str | None) -> None:
    """A verified backup and WAL, each younger than the limit; minutes ago."""
    ago = {
        field: NOW - timedelta(minutes=minutes) if minutes is not None else None
        for field, minutes in (("verified_at", verified), ("archived_at", archived))
    }
    found = backup_limitation(a_cluster(), [], BackupFacts(**ago), NOW)
    assert (why is None) == (found is None)
    assert (why or "") in (found or "")


def test_archiving_that_fails_and_a_waiver() -> None:
    """A failing archive is told; a waiver says that nobody wants to know."""
    facts = [DatabaseFacts(member="db2", archiving_fails=True)]
    young = BackupFacts(verified_at=NOW, archived_at=NOW)
    found = backup_limitation(a_cluster(), facts, young, NOW)
    assert "db2 fails to archive WAL" == found
    waived = a_cluster(waivers={"backup": "restored from its source instead"})
    assert backup_limitation(waived, [], BackupFacts(), NOW) is None
