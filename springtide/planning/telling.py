"""Plans and outcomes in words, as rows and lines that any screen can show."""

from collections import Counter

from springtide.model.outcome import UNTOUCHED, Ending, Outcome
from springtide.model.plan import Action, Delete, Launch, Mark, OnServers, Reboot, RoundPlan
from springtide.model.server import Phase

Row = dict[str, str | int]
MB = 1_000_000


def amount(count: int, what: str) -> str:
    """As people say it: `1 pack`, `2 packs`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def megabytes(size: int) -> str:
    """The size in MB, of 1,000,000 bytes."""
    return f"{size / MB:,.1f} MB"


def action_size(action: Action) -> int:
    """How many servers or members the action is about."""
    match action:
        case Launch():
            return action.servers
        case Delete() | Mark() | Reboot():
            return len(action.server_ids)
        case _:
            return len(action.members)


def action_name(action: Action, *, ordinal: int | None = None) -> str:
    """A short name for a person: `launch gra11 wave 2 (16 servers)`."""
    region = action.region.lower()
    what = "server" if isinstance(action, OnServers) else "member"
    size = f"({amount(action_size(action), what)})"
    match action:
        case Launch(canary=True):
            return f"launch {region} canary {size}"
        case Launch():
            return (
                f"launch {region} wave {ordinal} {size}" if ordinal else f"launch {region} {size}"
            )
        case _:
            return f"{action.kind} {region} {size}"


def plan_rows(plan: RoundPlan) -> list[Row]:
    """The plan as a table: what, where, how many, and why."""
    rows: list[Row] = [
        _row(action.kind, action.region, action_size(action), action.reason)
        for action in plan.actions
    ]
    rows += [_row("wait", w.region or "all", w.servers, w.reason) for w in plan.waits]
    if plan.shortfall:
        rows.append(_row("shortfall", "all", plan.shortfall.servers, plan.shortfall.reason))
    rows += [_row("alarm", "all", 0, alarm) for alarm in plan.alarms]
    rows += [_row("note", "all", 0, told) for told in plan.told]
    return rows or [_row("nothing", "all", 0, "what is observed is what is desired")]


def plan_summary(plan: RoundPlan) -> str:
    """One paragraph over the table: how many are desired, why, and how many there are."""
    desired = plan.desired
    capped = "" if desired.asked == desired.servers else f" (asked for {desired.asked})"
    now = ", ".join(f"{plan.count(phase)} {phase}" for phase in Phase if plan.count(phase))
    frozen = f" **{plan.frozen}: nothing will be changed.**" if plan.frozen else ""
    reasons = "; ".join(desired.reasons)
    return f"{desired.servers} desired{capped}: {reasons}. Now: {now or 'no servers'}.{frozen}"


def progress_of(first: RoundPlan, plan: RoundPlan) -> float:
    """How far the fleet has come since the first plan, in percent: 100 when settled."""
    if plan.settled:
        return 100.0
    distance = abs(first.desired.servers - first.count(Phase.SERVING))
    wanted = plan.desired.servers
    present = sum(sum(by.values()) for by in plan.phases.values())
    away = abs(wanted - plan.count(Phase.SERVING)) if wanted else present
    return round(max(0.0, min(99.0, 100.0 * (1 - away / max(1, distance, away)))), 1)


def outcome_rows(outcome: Outcome) -> list[Row]:
    """The outcome as a table of measures."""
    last = outcome.last
    left = sum(sum(by.values()) for by in last.phases.values())
    rows: list[Row] = [
        {"measure": "ended", "value": _ending(outcome)},
        {"measure": "asked", "value": last.desired.asked},
        {"measure": "desired", "value": last.desired.servers},
        {"measure": "serving", "value": last.count(Phase.SERVING)},
        {"measure": "launched", "value": outcome.changed("launch")},
        {"measure": "deleted", "value": outcome.changed("delete")},
        {"measure": "standing, not serving", "value": left - last.count(Phase.SERVING)},
        {"measure": "seconds", "value": f"{outcome.seconds:.1f}"},
        {"measure": "rounds that acted", "value": len(outcome.rounds)},
    ]
    if rebooted := outcome.changed("reboot"):
        rows.append({"measure": "rebooted", "value": rebooted})
    if last.shortfall:
        why = f"{last.shortfall.servers}: {last.shortfall.reason}"
        rows.append({"measure": "shortfall", "value": why})
    rows += [{"measure": "failed", "value": failure} for failure in outcome.failures]
    rows += [{"measure": "note", "value": told} for told in last.told]
    return rows


def broken_promise(outcome: Outcome) -> str | None:
    """Why the outcome is not what was desired; None when it is."""
    serving, desired = outcome.last.count(Phase.SERVING), outcome.last.desired.servers
    if outcome.ending in UNTOUCHED:
        return None
    if outcome.ending is Ending.DEADLINE:
        told = "; ".join((*_open_ends(outcome.last), *outcome.put_off))
        failed = f"; failed: {'; '.join(outcome.failures)}" if outcome.failures else ""
        return f"{serving} of {desired} serve at the deadline; still open: {told}{failed}"
    if outcome.last.shortfall:
        return f"{serving} of {desired} serve; {outcome.last.shortfall.reason}"
    return None


def outcome_told(outcome: Outcome) -> str:
    """The outcome in a line: what is open, that it was only shown, or `as desired`."""
    settled = outcome.ending is Ending.SETTLED
    return broken_promise(outcome) or ("as desired" if settled else _ending(outcome))


def ending_told(outcome: Outcome, *more: str) -> str:
    """How the rounds ended, and what else is to be said, in a line."""
    return "; ".join((outcome.ending.value, *more))


def tells_settled(told: str) -> bool:
    """Whether that line is of an outcome that settled."""
    return told.startswith(Ending.SETTLED)


def _open_ends(plan: RoundPlan) -> list[str]:
    """What the plan waits for, what it was still to do, and what finds no room."""
    to_do: Counter[tuple[str, str]] = Counter()
    for action in plan.actions:
        to_do[action.region, action.kind] += action_size(action)
    told = [f"{wait.region or 'all'}: {wait.reason}" for wait in plan.waits]
    told += [f"{region}: {count} to {kind}" for (region, kind), count in to_do.items()]
    if plan.shortfall:
        told.append(f"{plan.shortfall.servers} find no room: {plan.shortfall.reason}")
    return told


def _ending(outcome: Outcome) -> str:
    return outcome.last.frozen or outcome.ending.value


def _row(what: str, where: str, servers: int, why: str) -> Row:
    return {"what": what, "where": where, "servers": servers, "why": why}
