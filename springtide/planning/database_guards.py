"""What must hold before a database cluster is changed, and again before each of its steps.

As an operator reads it: every member answers for itself, one of them is primary and the others
stream from it on its timeline, hardly behind in what they received and in what they replayed; the
cluster is not paused, nothing is scheduled, no restart is pending that nobody asked for; the store
would keep its quorum without the machine that goes down next, and the leader has room for the WAL
that piles up meanwhile. No backup, dump or prepared transaction is in the way, no machine has a
snapshot, no two members share a host. What the cluster should have and has not is waived by name
and with a reason, or it is refused.

Example: db3 is 40 MiB behind in replay: "db3 has not replayed 40 MiB, 16 are allowed", and nothing
is begun.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.cluster_view import (
    BackupFacts,
    ClusterView,
    DatabaseFacts,
    MachineFacts,
    MemberView,
    Role,
)
from springtide.model.database import ClusterLimits, DatabaseCluster
from springtide.planning.telling import amount

_MIB = 1024 * 1024


def cluster_limitation(
    view: ClusterView,
    cluster: DatabaseCluster,
    *,
    aside: str | None = None,
    pending_allowed: bool = False,
) -> str | None:
    """Why the cluster is not to be touched now, every reason of it; None where it may be.

    `aside` is a member that may be down or broken: the one whose step was cut off, or that is to be
    repaired. `pending_allowed` is for the restart that pending settings wait for.
    """
    others = [member for member in view.members if member.name != aside]
    return _joined(
        *(why for _, why in _members(view, others, cluster.limits)),
        *_agreement(view, others, pending_allowed=pending_allowed),
        *_store(view, cluster, aside=aside),
        *_wal_room(view, cluster.limits),
        *_settings(view, cluster),
    )


def ailments(view: ClusterView, cluster: DatabaseCluster) -> tuple[tuple[str, str], ...]:
    """What hurts now, and why: members that are away or behind, no primary, a store without quorum.

    What hurts is a member's name, `leader` or `store`.
    """
    lost = f"the store has no quorum: {view.store.healthy} of {view.store.members} answer"
    return (
        *_members(view, view.members, cluster.limits),
        *((("store", lost),) if view.store.spare < 0 else ()),
    )


def facts_limitation(facts: Sequence[DatabaseFacts]) -> str | None:
    """Why what runs on the members must end first; None where nothing is in the way."""
    return _joined(
        *(f.trouble for f in facts if f.trouble is not None),
        *(f"{f.member}: {told}" for f in facts for told in _at_work(f)),
    )


def _at_work(facts: DatabaseFacts) -> Iterator[str]:
    """What a restart of the member would end the hard way."""
    for count, what, state in (
        (facts.dumps, "dump", "under way"),
        (facts.base_backups, "base backup", "under way"),
        (facts.prepared_transactions, "prepared transaction", "open"),
    ):
        if count:
            yield f"{amount(count, what)} {state}"


def machines_limitation(
    machines: Sequence[MachineFacts], *, aside: str | None = None
) -> str | None:
    """Why the members' virtual machines are not to be touched; None where they may be."""
    hosts = Counter(machine.host for machine in machines if machine.on)
    return _joined(
        *(
            f"{m.member}'s machine has {amount(m.snapshots, 'snapshot')}"
            for m in machines
            if m.snapshots
        ),
        *(f"{m.member}'s machine is off" for m in machines if not m.on and m.member != aside),
        *(
            f"{times} members are on host {host}: with it they would go together"
            for host, times in sorted(hosts.items(), key=str)
            if times > 1
        ),
    )


def backup_limitation(
    cluster: DatabaseCluster, facts: Iterable[DatabaseFacts], backup: BackupFacts, now: Moment
) -> str | None:
    """Why there is no way back if it goes wrong; None where there is one, or it is waived."""
    if cluster.waivers.backup is not None:
        return None
    limits = cluster.limits
    return _joined(
        *_too_old("verified backup", backup.verified_at, limits.backup_age, now),
        *_too_old("archived WAL", backup.archived_at, limits.wal_age, now),
        *(f"{fact.member} fails to archive WAL" for fact in facts if fact.archiving_fails),
    )


def unmet_requirements(view: ClusterView, cluster: DatabaseCluster) -> dict[str, str]:
    """What the cluster should have and has not: setting by setting, and what it means."""
    has = {
        "synchronous_mode": view.settings.synchronous_mode,
        "failsafe_mode": view.settings.failsafe_mode,
        "watchdog": cluster.watchdog,
        "backup": cluster.backup_source is not None,
    }
    return {name: _MEANING[name] for name, present in has.items() if not present}


_MEANING = {
    "synchronous_mode": "a failover may lose what was acknowledged",
    "failsafe_mode": "the primary stops when the store is away",
    "watchdog": "a primary that hangs may write beside its successor",
    "backup": "there may be no way back",
}


def _members(
    view: ClusterView, others: Sequence[MemberView], limits: ClusterLimits
) -> Iterator[tuple[str, str]]:
    """What hurts, and why."""
    # What is aside is looked at all the same: it may have been made primary meanwhile.
    if view.leader is None:
        names = ", ".join(member.name for member in view.primaries) or "none"
        yield "leader", f"one member has to be primary; these say that they are: {names}"
    for member in others:
        name = member.name
        if member.trouble is not None:
            yield name, f"{name} does not answer: {member.trouble}"
        elif not member.serving:
            role = member.role.value if member.role else "no role"
            yield name, f"{name} is {member.state or 'silent'}, {role}, and does not stream"
        elif member.role is Role.REPLICA:
            yield from ((name, why) for why in lag_reasons(view, member, limits))


def lag_reasons(view: ClusterView, member: MemberView, limits: ClusterLimits) -> Iterator[str]:
    """Why the replica is too far behind."""
    if member.replay_paused:
        yield f"{member.name}: its replay is paused"
    lag = view.lag(member.name)
    if lag is None:
        yield f"{member.name}: how far it is behind is not known"
        return
    for behind, what in zip(lag, ("received", "replayed"), strict=True):
        if behind > limits.lag_mib * _MIB:
            mib = -(-behind // _MIB)
            yield f"{member.name} has not {what} {mib} MiB, {limits.lag_mib} are allowed"


def _agreement(
    view: ClusterView, others: Sequence[MemberView], *, pending_allowed: bool
) -> Iterator[str]:
    answering = [member for member in others if member.trouble is None]
    for what, values in (
        ("timelines", {m.timeline for m in answering}),
        ("database systems", {m.system for m in answering}),
    ):
        if len(values) > 1:
            yield f"members are on different {what}: {', '.join(sorted(map(str, values)))}"
    if view.settings.paused or any(member.paused for member in answering):
        yield "the cluster is paused: resume it (patronictl resume)"
    if view.scheduled_switchover is not None:
        yield f"a switchover is scheduled for {view.scheduled_switchover}"
    for member in answering:
        if member.watchdog_failed:
            yield f"{member.name}: the watchdog that it requires does not work: it would never lead"
        if member.scheduled_restart:
            yield f"{member.name}: a restart is scheduled"
        if member.pending_restart and not pending_allowed:
            yield f"{member.name}: a restart is pending: restart_database_cluster first"
    # Who is aside counts here: it may be the one that the primary waits for, and well. Where it is
    # the only standby, nobody else could be.
    others_could = any(member.role is not Role.PRIMARY for member in others)
    synchronous = any(member.synchronous for member in view.members)
    if view.settings.synchronous_mode and others_could and not synchronous:
        yield "no member is a synchronous standby"


def _store(view: ClusterView, cluster: DatabaseCluster, *, aside: str | None) -> Iterator[str]:
    store = view.store
    # The machine that is aside may be the one of the store's that does not answer: no further one
    # goes down to bring it back.
    spare_needed = 0 if aside in cluster.store.on_members else 1
    if store.spare < 0:
        yield f"the store has no quorum: {store.healthy} of {store.members} members answer"
    elif cluster.store.on_members and store.spare < spare_needed:
        yield (
            f"{store.healthy} of the store's {store.members} members answer: it would lose its"
            " quorum with one of the machines that it shares with the cluster"
        )


def _wal_room(view: ClusterView, limits: ClusterLimits) -> Iterator[str]:
    kept_mib = round(view.wal_bytes_per_s * limits.step_minutes * 60 / _MIB)
    rooms = {m.name: view.wal_room_mib.get(m.name, limits.wal_room_mib) for m in view.members}
    # A replica keeps it as well: it may be the one that leads when the member is back.
    for member, room_mib in rooms.items():
        if kept_mib > room_mib:
            yield (
                f"{kept_mib} MiB of WAL would be kept while a member is down for"
                f" {limits.step_minutes:g} minutes, {member} has room for {room_mib}"
            )


def _settings(view: ClusterView, cluster: DatabaseCluster) -> Iterator[str]:
    for name, meaning in unmet_requirements(view, cluster).items():
        if getattr(cluster.waivers, name) is None:
            yield f"{name} is off, and waivers.{name} does not say why: {meaning}"


def _too_old(what: str, at: Moment | None, oldest: timedelta, now: Moment) -> Iterator[str]:
    if at is None:
        yield f"there is no {what}"
    elif now - at > oldest:
        yield f"the newest {what} is of {at:%Y-%m-%d %H:%M} UTC, older than {oldest}"


def _joined(*reasons: str) -> str | None:
    return "; ".join(reasons) or None
