"""How it stands with the private cloud, judged from what vCenter shows. Nothing is changed.

As an operator reads it: red is what hurts now or soon: vCenter does not answer, a cluster or a
machine of the estate is missing, a host is away, a datastore is not accessible or above its red
share, a machine of the estate is off, one of any is away or waits for an answer, and a cluster
whose largest host could not fail any more. Amber wants a look: a host in maintenance, a datastore
above its amber share, one that will be red within `forecast_days`, one that a host of its cluster
has not mounted, snapshots, and VMware Tools that do not run.

People are told when something becomes red, and every six hours while it is. Where hundreds are red
at once, one more is no news.

Example: ssd-3 at 84 % that grows by 1 % a day: amber, `90 % in 6 days`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple

from springtide.model.base import Moment
from springtide.model.core import Core
from springtide.model.core_watch import (
    CoreCheck,
    CoreFinding,
    FillForecast,
    FillSample,
    Telling,
)
from springtide.model.inventory import Datastore, Host, Inventory, Power, VirtualMachine
from springtide.model.readiness import Readiness
from springtide.planning.core_room import cluster_room
from springtide.planning.datastore_fills import fill_samples, forecast_fills, outdated
from springtide.planning.telling import Row

AGAIN = timedelta(hours=6)
"""While something is red people are told again after so long."""
MOST_REDS = 400
"""So many are remembered: a note has its limits."""
_DIGITS = 8
_GREEN, _AMBER, _RED = Readiness.GREEN, Readiness.AMBER, Readiness.RED
_MARKS = {_GREEN: "🟢", _AMBER: "🟡", _RED: "🔴"}
_MOST_TOLD = 10
_STATUSES = {"red": _RED, "yellow": _AMBER}


class CoreLook(NamedTuple):
    """What a look has found, and what is to be noted of it."""

    findings: tuple[CoreFinding, ...]
    samples: tuple[FillSample, ...] = ()
    outdated: tuple[date, ...] = ()
    """Days whose notes are kept no longer."""


def look_at_core(
    inventory: Inventory, fills: Mapping[date, tuple[FillSample, ...]], core: Core
) -> CoreLook:
    """What vCenter shows, judged with the fills of the days before."""
    noted = [sample for day in fills.values() for sample in day]
    today = inventory.at.date()
    return CoreLook(
        judge_core(inventory, noted, core), fill_samples(inventory, today), outdated(fills, today)
    )


def judge_core(
    inventory: Inventory, history: Iterable[FillSample], core: Core
) -> tuple[CoreFinding, ...]:
    """Every finding, in the order of the checks and of names."""
    hosts = [host for name in core.clusters for host in inventory.hosts_of(name)]
    names = {host.name for host in hosts}
    stores = [each for each in inventory.datastores if names & set(each.hosts) or not each.hosts]
    found = [
        *_clusters(inventory, core),
        *(finding for host in hosts for finding in _host(host)),
        *(finding for each in stores for finding in _datastore(each, hosts, core)),
        *_fills(forecast_fills(inventory, history, core.datastore_limits), stores, core),
        *_machines(inventory, names, core),
    ]
    order = list(CoreCheck)
    return tuple(sorted(found, key=lambda f: (order.index(f.check), f.subject)))


def unanswered(why: str) -> CoreLook:
    """The one finding where vCenter could not be read."""
    return CoreLook((_finding(CoreCheck.ANSWER, "vCenter", _RED, why),))


def telling_after(
    findings: tuple[CoreFinding, ...], told: Telling | None, *, alarm: str | None, now: Moment
) -> Telling | None:
    """What people know after this look; None where nothing is red."""
    now_red = reds(findings)
    if not now_red:
        return None
    if alarm is not None or told is None:
        known, at = now_red, now
    else:
        # What is mended is news when it becomes red again.
        known, at = _known(now_red, told), told.at
    return Telling(reds=known[:MOST_REDS], more=len(known) > MOST_REDS, at=at)


def reds(findings: Iterable[CoreFinding]) -> tuple[str, ...]:
    """A digest of what is red, by check and subject: what makes one telling another."""
    named = {f"{f.check} {f.subject}" for f in findings if f.verdict is _RED}
    return tuple(sorted(sha256(name.encode()).hexdigest()[:_DIGITS] for name in named))


def _known(now_red: tuple[str, ...], told: Telling) -> tuple[str, ...]:
    """Those of them that people were told of."""
    return now_red if told.more else tuple(red for red in now_red if red in told.reds)


def core_alarm(findings: tuple[CoreFinding, ...], told: Telling | None, now: Moment) -> str | None:
    """What people are to be told now; None where nothing is red, or they know."""
    now_red = reds(findings)
    if not now_red:
        return None
    if told is not None and _known(now_red, told) == now_red and now - told.at < AGAIN:
        return None
    lines = [f"{f.subject}: {f.detail}" for f in findings if f.verdict is _RED]
    more = f"; and {len(lines) - _MOST_TOLD} more" if len(lines) > _MOST_TOLD else ""
    return f"{core_summary(findings)}: {'; '.join(lines[:_MOST_TOLD])}{more}"


def core_summary(findings: tuple[CoreFinding, ...]) -> str:
    """One line: `2 red, 1 amber, 40 green`."""
    counts = {verdict: sum(1 for f in findings if f.verdict is verdict) for verdict in Readiness}
    return ", ".join(f"{counts[v]} {v}" for v in reversed(Readiness) if counts[v]) or "nothing seen"


def core_rows(findings: tuple[CoreFinding, ...]) -> list[Row]:
    """The findings for a person, red ones first."""
    worst = list(reversed(Readiness))
    return [
        {
            "verdict": f"{_MARKS[f.verdict]} {f.verdict}",
            "check": f.check,
            "what": f.subject,
            "detail": f.detail,
        }
        for f in sorted(findings, key=lambda f: worst.index(f.verdict))
    ]


def _finding(check: CoreCheck, subject: str, verdict: Readiness, detail: str) -> CoreFinding:
    return CoreFinding(check=check, subject=subject, verdict=verdict, detail=detail)


def _clusters(inventory: Inventory, core: Core) -> Iterator[CoreFinding]:
    for name in core.clusters:
        if inventory.cluster(name) is None:
            yield _finding(CoreCheck.CLUSTER, name, _RED, "vCenter shows no such cluster")
            continue
        room = cluster_room(inventory, name, core)
        spare = core.headroom.spare_hosts
        detail = (
            f"{room.ram_mib} of {room.most_mib} MiB and {room.vcpus} of {room.most_vcpus} vCPU"
            f" promised, with {spare} hosts to spare"
        )
        yield _finding(CoreCheck.CLUSTER, name, _GREEN if room.holds else _RED, detail)


def _host(host: Host) -> Iterator[CoreFinding]:
    load = f"{host.used_mib} of {host.ram_mib} MiB used"
    if not host.connected:
        yield _finding(CoreCheck.HOST, host.name, _RED, "it does not answer vCenter")
    elif host.in_maintenance:
        yield _finding(CoreCheck.HOST, host.name, _AMBER, "it is in maintenance")
    else:
        verdict = _STATUSES.get(host.status, _GREEN)
        detail = load if verdict is _GREEN else f"vCenter's own verdict is {host.status}; {load}"
        yield _finding(CoreCheck.HOST, host.name, verdict, detail)


def _datastore(datastore: Datastore, hosts: list[Host], core: Core) -> Iterator[CoreFinding]:
    name, limits = datastore.name, core.datastore_limits
    if not datastore.accessible:
        yield _finding(CoreCheck.DATASTORE, name, _RED, "it is not accessible")
        return
    share = datastore.used_share
    red, amber = share >= limits.red_share, share >= limits.amber_share
    verdict = _RED if red else _AMBER if amber else _GREEN
    yield _finding(CoreCheck.DATASTORE, name, verdict, f"{share:.1%} used")
    if datastore.in_maintenance:
        yield _finding(CoreCheck.DATASTORE, name, _AMBER, "it is in maintenance")
    clusters = {host.cluster for host in hosts if host.name in datastore.hosts}
    lacking = [h.name for h in hosts if h.cluster in clusters and h.name not in datastore.hosts]
    if lacking:
        detail = f"not mounted on {', '.join(lacking)}"
        yield _finding(CoreCheck.DATASTORE, name, _AMBER, detail)


def _fills(
    forecasts: Iterable[FillForecast], stores: list[Datastore], core: Core
) -> Iterator[CoreFinding]:
    watched = {each.name for each in stores}
    ahead = core.datastore_limits.forecast_days
    for each in forecasts:
        if each.datastore not in watched or each.red_in_days == 0:
            continue  # what is red already was told above
        soon = each.red_in_days is not None and each.red_in_days <= ahead
        yield _finding(CoreCheck.FILL, each.datastore, _AMBER if soon else _GREEN, each.why)


def _machines(inventory: Inventory, hosts: set[str], core: Core) -> Iterator[CoreFinding]:
    seen = {each.name for each in inventory.virtual_machines}
    for name in sorted(set(core.virtual_machines) - seen):
        yield _finding(CoreCheck.VIRTUAL_MACHINE, name, _RED, "vCenter shows no such machine")
    for each in inventory.virtual_machines:
        if each.template or (each.host not in hosts and each.name not in core.virtual_machines):
            continue
        verdict, detail = _machine(each, named=each.name in core.virtual_machines)
        if verdict is not _GREEN:
            yield _finding(CoreCheck.VIRTUAL_MACHINE, each.name, verdict, detail)
    count = sum(1 for each in inventory.virtual_machines if each.power is Power.ON)
    yield _finding(CoreCheck.VIRTUAL_MACHINE, "all", _GREEN, f"{count} run")


def _machine(machine: VirtualMachine, *, named: bool) -> tuple[Readiness, str]:
    """What is wrong with it; what the estate names is missed, others may be off."""
    if machine.out_of_reach is not None:
        # One that is being made has no configuration for a moment, and its host answers for it.
        return (_AMBER if machine.connected and not named else _RED), machine.out_of_reach
    if machine.question is not None:
        return _RED, f"it waits for an answer: {machine.question}"
    if machine.power is not Power.ON:
        return (_RED, f"it is {machine.power}") if named else (_GREEN, f"it is {machine.power}")
    if machine.snapshots:
        return _AMBER, f"snapshots: {', '.join(machine.snapshots[:3])}"
    if named and not machine.tools_running:
        return _AMBER, "VMware Tools do not run"
    return _GREEN, ""
