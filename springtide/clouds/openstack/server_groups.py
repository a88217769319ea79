"""Server groups: Nova then tries to put the servers of a wave on different hosts.

The policy is soft: where hosts are lacking, servers share one. Where the provider has no groups, or
no more of them, the wave goes without. Only while Nova does not say (it answers 5xx, or not at all)
do groups stand in the way of a launch: then the next round plans it again.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from springtide.clouds.openstack.service import Body, Service
from springtide.errors import (
    CapacityExhausted,
    GuardRefused,
    Misconfigured,
    NotFound,
    ReplyLost,
)
from springtide.model.leftover import LeftoverKind, MarkedThing
from springtide.model.plan import Launch

_PATH = "/os-server-groups"
_POLICY = "soft-anti-affinity"
_STAMP = "%Y%m%dt%H%M%S"
_STAMP_LENGTH = len("20261124t160000")
_LEAST_AGE = timedelta(minutes=15)
"""A younger group may be about to get its servers, from a run that is not this one."""
_NAME = re.compile(r"springtide-(?P<fleet>[a-z][a-z0-9-]{0,30})-(?P<stamp>\d{8}t\d{6})")
_NONE_HERE = (CapacityExhausted, GuardRefused, Misconfigured, NotFound)


def members_at_most(limits: Body) -> int | None:
    """Most servers of one group by Nova's limits; None where there are no groups."""
    most = limits.get("maxServerGroupMembers")
    if most is None or most == 0 or limits.get("maxServerGroups") == 0:
        return None
    return int(most) if most > 0 else None


def find_or_make_group(
    compute: Service, fleet_name: str, order: Launch, *, most: int
) -> str | None:
    """Id of a group with room for the wave: one of the fleet's, else a new one; None: no more.

    A lost reply is looked up by the group's name, which is the wave's.

    Raises:
        Retryable: Nova does not say.
    """
    try:
        groups = _groups(compute, fleet_name)
        for group in groups:
            if len(group["members"]) + order.servers <= most:
                return str(group["id"])
        return _make(compute, f"{_prefix(fleet_name)}{order.wave}", order)
    except _NONE_HERE:
        return None


def stray_groups(compute: Service, fleet_name: str, now: datetime) -> tuple[str, ...]:
    """Ids of the fleet's groups that have no servers and are old enough not to get any, sorted."""
    try:
        groups = _groups(compute, fleet_name)
    except _NONE_HERE:
        return ()
    empty = (group for group in groups if not group["members"])
    return tuple(
        sorted(str(g["id"]) for g in empty if now - _made_at(g["name"], fleet_name) > _LEAST_AGE)
    )


def marked_groups(compute: Service, region: str, now: datetime) -> tuple[MarkedThing, ...]:
    """Every group that is ours by its name, of whichever fleet; none where there are no groups."""
    try:
        groups = compute.get(_PATH)["server_groups"]
    except _NONE_HERE:
        return ()
    return tuple(
        MarkedThing(
            kind=LeftoverKind.GROUP,
            id=str(group["id"]),
            name=group["name"],
            region=region,
            fleet=name["fleet"],
            created_at=(made_at := _moment(name["stamp"])),
            in_use=bool(group["members"]),
            in_change=None if now - made_at > _LEAST_AGE else "its servers may be about to come",
        )
        for group in groups
        if (name := _NAME.match(group["name"]))
    )


def delete_groups(compute: Service, ids: Sequence[str]) -> None:
    """Delete each group; one that is gone is a success."""
    for group_id in ids:
        with suppress(NotFound):
            compute.change("DELETE", f"{_PATH}/{group_id}", why="its servers are gone")


def _groups(compute: Service, fleet_name: str) -> list[Body]:
    found = compute.get(_PATH)["server_groups"]
    prefix = _prefix(fleet_name)
    # A fleet's name may begin another's; what follows ours is the stamp of a wave.
    return [g for g in found if g["name"].startswith(prefix) and _is_stamped(g["name"], prefix)]


def _make(compute: Service, name: str, order: Launch) -> str:
    body = {"server_group": {"name": name, "policy": _POLICY}}
    try:
        made = compute.change("POST", _PATH, body, why=f"spread over hosts: wave {order.wave}")
    except ReplyLost:
        for group in compute.get(_PATH)["server_groups"]:
            if group["name"] == name:
                return str(group["id"])
        raise
    return str(made["server_group"]["id"])


def _prefix(fleet_name: str) -> str:
    return f"springtide-{fleet_name}-"


def _is_stamped(name: str, prefix: str) -> bool:
    stamp = name.removeprefix(prefix)[:_STAMP_LENGTH]
    try:
        _moment(stamp)
    except ValueError:
        return False
    return True


def _made_at(name: str, fleet_name: str) -> datetime:
    stamp = name.removeprefix(_prefix(fleet_name))[:_STAMP_LENGTH]
    return _moment(stamp)


def _moment(stamp: str) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
