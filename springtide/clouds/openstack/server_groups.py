"""Server groups: Nova then tries to put the servers of a wave on different hosts.

The policy is soft: where hosts are lacking, servers share one. Where the provider has no groups, or
no more of them, the wave goes without. Only while Nova does not say (it answers 5xx, or not at all)
do groups stand in the way of a launch: then the next round plans it again.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

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
from springtide.model.wave_names import group_name, parse_group

_PATH = "/os-server-groups"
_POLICY = "soft-anti-affinity"
_LEAST_AGE = timedelta(minutes=15)
"""A younger group may be about to get its servers, from a run that is not this one."""
_NONE_HERE = (CapacityExhausted, GuardRefused, Misconfigured, NotFound)


class _Group(NamedTuple):
    """A group that a wave of ours has named."""

    body: Body
    fleet: str
    made_at: datetime

    def may_be_filled(self, now: datetime) -> bool:
        """Whether it is so young that its servers may be about to come."""
        return now - self.made_at <= _LEAST_AGE


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
        for group in _groups(compute):
            if group.fleet == fleet_name and len(group.body["members"]) + order.servers <= most:
                return str(group.body["id"])
        return _make(compute, group_name(fleet_name, order.wave), order)
    except _NONE_HERE:
        return None


def stray_groups(compute: Service, fleet_name: str, now: datetime) -> tuple[str, ...]:
    """Ids of the fleet's groups that have no servers and are old enough not to get any, sorted."""
    try:
        groups = _groups(compute)
    except _NONE_HERE:
        return ()
    empty = (g for g in groups if g.fleet == fleet_name and not g.body["members"])
    return tuple(sorted(str(g.body["id"]) for g in empty if not g.may_be_filled(now)))


def marked_groups(compute: Service, region: str, now: datetime) -> tuple[MarkedThing, ...]:
    """Every group that is ours by its name, of whichever fleet; none where there are no groups."""
    try:
        groups = _groups(compute)
    except _NONE_HERE:
        return ()
    return tuple(
        MarkedThing(
            kind=LeftoverKind.GROUP,
            id=str(group.body["id"]),
            name=group.body["name"],
            region=region,
            fleet=group.fleet,
            created_at=group.made_at,
            in_use=bool(group.body["members"]),
            in_change="its servers may be about to come" if group.may_be_filled(now) else None,
        )
        for group in groups
    )


def delete_groups(compute: Service, ids: Sequence[str]) -> None:
    """Delete each group; one that is gone is a success."""
    for group_id in ids:
        with suppress(NotFound):
            compute.change("DELETE", f"{_PATH}/{group_id}", why="its servers are gone")


def _groups(compute: Service) -> list[_Group]:
    """Every group that is ours by its name, of whichever fleet."""
    found = compute.get(_PATH)["server_groups"]
    return [_Group(each, *said) for each in found if (said := parse_group(each["name"]))]


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
