"""What Patroni's REST interface answers, as our models.

Source: Patroni 4.1, "Patroni REST API", GET /patroni, /config and /cluster.
"""

from datetime import datetime
from typing import Any

from springtide.model.cluster_view import (
    ClusterSettings,
    LeaderChange,
    MemberView,
    PendingParameter,
    Role,
)

_PRIMARY = {"primary", "master", "standby_leader"}
"""A standby leader leads, too, of a cluster that follows another one."""
_TIME_AT, _LEADER_AT = 3, 4
"""In an entry of the history; older versions of Patroni wrote fewer."""


def member_view(name: str, said: dict[str, Any]) -> MemberView:
    """What a member says of itself; `said` is its answer to GET /patroni."""
    log = said.get("xlog") or {}
    role = said.get("role")
    return MemberView(
        name=name,
        role=Role.PRIMARY if role in _PRIMARY else Role.REPLICA if role else None,
        state=str(said.get("state", "")),
        streaming=said.get("replication_state") == "streaming",
        synchronous=bool(said.get("sync_standby") or said.get("quorum_standby")),
        timeline=said.get("timeline"),
        system=said.get("database_system_identifier"),
        written=log.get("location"),
        received=log.get("received_location"),
        replayed=log.get("replayed_location"),
        replay_paused=bool(log.get("paused")),
        started_at=_moment(said.get("postmaster_start_time")),
        paused=bool(said.get("pause")),
        pending=_pending(said.get("pending_restart_reason") or {}),
        pending_restart=bool(said.get("pending_restart")),
        scheduled_restart=bool(said.get("scheduled_restart")),
        watchdog_failed=bool(said.get("watchdog_failed")),
    )


def cluster_settings(config: dict[str, Any]) -> ClusterSettings:
    """What the members have agreed on; `config` is an answer to GET /config."""
    return ClusterSettings(
        synchronous_mode=_is_on(config.get("synchronous_mode")),
        failsafe_mode=_is_on(config.get("failsafe_mode")),
        paused=_is_on(config.get("pause")),
    )


def scheduled_switchover(cluster: dict[str, Any]) -> str | None:
    """For when a switchover is scheduled; `cluster` is an answer to GET /cluster."""
    scheduled = cluster.get("scheduled_switchover")
    return str(scheduled.get("at") or "a time") if isinstance(scheduled, dict) else None


def leader_changes(history: list[Any]) -> tuple[LeaderChange, ...]:
    """The cluster's changes of leader, oldest first; `history` is an answer to GET /history.

    Each entry ends a timeline: its number, where, why, when (by the member's own clock and zone),
    and who led from then on.
    """
    return tuple(
        LeaderChange(
            timeline=int(entry[0]) + 1,
            leader=str(entry[4]) if len(entry) > _LEADER_AT else "",
            at=_moment(entry[_TIME_AT]) if len(entry) > _TIME_AT else None,
        )
        for entry in history
        if isinstance(entry, list) and entry
    )


def _pending(reasons: dict[str, Any]) -> tuple[PendingParameter, ...]:
    return tuple(
        PendingParameter(
            name=name, now=str(change.get("old_value")), then=str(change.get("new_value"))
        )
        for name, change in sorted(reasons.items())
        if isinstance(change, dict)
    )


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _is_on(value: object) -> bool:
    # Patroni's `quorum` is a kind of synchronous mode.
    return value is True or str(value).lower() in {"on", "true", "yes", "quorum"}
