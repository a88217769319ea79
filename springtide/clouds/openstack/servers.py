"""Servers in Nova: one listing by tag, waves by one call each, deletion."""

import base64
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from springtide.clouds.openstack.catalogue import LaunchSetup
from springtide.clouds.openstack.moments import moment_or_none
from springtide.clouds.openstack.server_groups import find_or_make_group
from springtide.clouds.openstack.server_marks import health_of, held_by, rebooted_at
from springtide.clouds.openstack.service import Body, Service
from springtide.clouds.openstack.tags import OURS, fleet_tag, held_until, wave_of, wave_tag
from springtide.errors import NotFound, ReplyLost, Retryable, SpringtideError
from springtide.model.base import Model
from springtide.model.fleet import Fleet
from springtide.model.plan import Launch
from springtide.model.server import Server

_PAGE = 1000
_IPV4 = 4
_DELETED = ("DELETED", "SOFT_DELETED")
_LOOKS = 4
_LOOK_PAUSE_S = 1.0
_DELETERS = 8
_FAULTS_READ = 20
"""Most servers in ERROR that one listing asks for their fault; the next one asks for more."""
_NAME_LENGTH = 58
"""A host name has 63 characters at most, and Nova appends `-1` to `-100`. Windows takes the first
15 alone; what in the image sets the computer's name must see to that."""


class LaunchReceipt(Model):
    """What Nova took on."""

    accepted: int
    looked_up: bool = False
    """Whether the reply was lost and the wave found by its tag."""


@dataclass(frozen=True)
class DeleteReceipt:
    """What Nova will delete, or has, and what it refused."""

    accepted: int
    refused: SpringtideError | None = None
    """The first refusal that does not pass by itself, else the first; None where there was none."""


def list_servers(compute: Service, region: str, fleet_name: str) -> tuple[Server, ...]:
    """The fleet's servers, whatever their status."""
    found = compute.pages("/servers/detail", "servers", limit=_PAGE, tags=fleet_tag(fleet_name))
    # While servers come and go, a listing of several pages may show one of them twice.
    unique = {body["id"]: body for body in found}
    _read_faults(compute, list(unique.values()))
    return tuple(_server(body, region) for body in unique.values())


def show_server(compute: Service, server_id: str) -> Body | None:
    """The server of that id as Nova shows it, whosever it is; None: there is none."""
    try:
        shown: Body = compute.get(f"/servers/{server_id}")["server"]
    except NotFound:
        return None
    return shown


def belongs_in_listing(shown: Body, tag: str) -> bool:
    """Whether a listing by that tag has to show a server that is shown by its id.

    Not one that is deleted, which some clouds keep for a while, nor one whose tag somebody has
    removed. While a cell's database is away its servers are shown by id alone, without tags.

    Source: Nova 26, api/openstack/compute/servers.py, `_is_cell_down_supported`: no listing with
    a filter or a limit supports it.
    """
    return shown["status"] not in _DELETED and tag in shown.get("tags", (tag,))


def left_out(compute: Service, fleet_name: str, ids: Iterable[str]) -> str | None:
    """The first of those servers that the fleet's listing has to show; None: it lacks none."""
    for server_id in ids:
        shown = show_server(compute, server_id)
        if shown and belongs_in_listing(shown, fleet_tag(fleet_name)):
            return server_id
    return None


def launch(
    compute: Service, fleet: Fleet, setup: LaunchSetup, order: Launch, *, user_data: str | None
) -> LaunchReceipt:
    """Make a wave by one multi-create; a lost reply is looked up by the wave's tag.

    An order with `group_members` joins a server group, where there is one to be had.

    Raises:
        ReplyLost: it is not found either; it may still come, and the next listing shows it.
    """
    body = _wave_body(fleet, setup, order, user_data)
    if order.group_members is not None:
        group = find_or_make_group(compute, fleet.name, order, most=order.group_members)
        body |= {"os:scheduler_hints": {"group": group}} if group else {}
    why = f"wave {order.wave} of {order.servers}: {order.reason}"
    try:
        compute.change("POST", "/servers", body, why=why)
    except ReplyLost as lost:
        found = _look_up(compute, order)
        if not found:
            raise ReplyLost(
                f"{order.region}: wave {order.wave} got no reply and is not there"
            ) from lost
        return LaunchReceipt(accepted=found, looked_up=True)
    return LaunchReceipt(accepted=order.servers)


def delete_servers(compute: Service, ids: Sequence[str], reason: str) -> DeleteReceipt:
    """Ask for each server's deletion, a few at a time; one that is gone is a success."""
    with ThreadPoolExecutor(max_workers=_DELETERS) as pool:
        refusals = [r for r in pool.map(partial(_delete, compute, reason), ids) if r]
    lasting = (r for r in refusals if not isinstance(r, Retryable))
    refused = next(lasting, refusals[0] if refusals else None)
    return DeleteReceipt(accepted=len(ids) - len(refusals), refused=refused)


def _delete(compute: Service, reason: str, server_id: str) -> SpringtideError | None:
    try:
        compute.change("DELETE", f"/servers/{server_id}", why=reason)
    except NotFound:
        return None
    except SpringtideError as error:
        return error
    return None


def _look_up(compute: Service, order: Launch) -> int:
    """How many servers of the wave there are; looked for a few times, as they may be late."""
    found: set[str] = set()
    for look in range(_LOOKS):
        time.sleep(_LOOK_PAUSE_S if look else 0)
        wave = compute.pages("/servers/detail", "servers", limit=_PAGE, tags=wave_tag(order.wave))
        found |= {body["id"] for body in wave}
        if len(found) >= order.servers:
            break
    return len(found)


def _read_faults(compute: Service, bodies: list[Body]) -> None:
    """Complete servers in ERROR with what is the matter, where the listing leaves it out.

    Nova's listing knows the faults of one cell alone, and those without a host stand in a cell of
    their own: a server shows its own fault wherever it stands. A wave is placed as a whole, so one
    of its servers speaks for all that stand at the same place.

    Source: Nova 26, api/openstack/compute/servers.py, `fill_faults` without a target cell.
    """
    untold: dict[tuple[str, str], list[Body]] = {}
    for body in bodies:
        if body["status"] == "ERROR" and "fault" not in body:
            place = (wave_of(body.get("tags", [])) or body["id"], body.get("hostId", ""))
            untold.setdefault(place, []).append(body)
    for alike in list(untold.values())[:_FAULTS_READ]:
        with suppress(NotFound, Retryable):
            shown = compute.get(f"/servers/{alike[0]['id']}")["server"]
            for body in alike:
                body["fault"] = shown.get("fault")


def _wave_body(fleet: Fleet, setup: LaunchSetup, order: Launch, user_data: str | None) -> Body:
    server: Body = {
        "name": f"{fleet.name}-{order.wave}"[:_NAME_LENGTH].rstrip("-"),
        "imageRef": order.image_id,
        "flavorRef": setup.flavour_id,
        "networks": [{"uuid": setup.network_id}],
        "min_count": order.servers,
        "max_count": order.servers,
        "tags": [OURS, fleet_tag(fleet.name), wave_tag(order.wave), *fleet.tags],
        "metadata": {"springtide_fleet": fleet.name, "springtide_wave": order.wave},
    }
    if fleet.key_pair:
        server["key_name"] = fleet.key_pair
    if fleet.security_groups:
        server["security_groups"] = [{"name": name} for name in fleet.security_groups]
    if fleet.config_drive:
        server["config_drive"] = True
    if order.zone:
        server["availability_zone"] = order.zone
    if user_data:
        server["user_data"] = base64.b64encode(user_data.encode()).decode()
    return {"server": server}


def _server(body: Body, region: str) -> Server:
    metadata = body.get("metadata") or {}
    return Server(
        id=body["id"],
        name=body["name"],
        region=region,
        status=body["status"],
        task_state=body.get("OS-EXT-STS:task_state"),
        address=_address(body),
        image_id=(body.get("image") or {}).get("id", ""),
        flavour=(body.get("flavor") or {}).get("original_name", ""),
        zone=body.get("OS-EXT-AZ:availability_zone") or None,
        wave=wave_of(body.get("tags", [])),
        created_at=moment_or_none(body["created"]),
        updated_at=moment_or_none(body.get("updated")),
        launched_at=moment_or_none(body.get("OS-SRV-USG:launched_at")),
        fault=(body.get("fault") or {}).get("message"),
        health=health_of(metadata),
        rebooted_at=rebooted_at(metadata),
        held_until=held_until(body.get("tags", [])),
        held_by=held_by(metadata),
    )


def _address(body: Body) -> str | None:
    """Its first fixed IPv4 address: a fleet's server has one network, floating ones apart."""
    networks: dict[str, list[Body]] = body.get("addresses") or {}
    fixed = (
        each["addr"]
        for addresses in networks.values()
        for each in addresses
        if each.get("version") == _IPV4 and each.get("OS-EXT-IPS:type", "fixed") == "fixed"
    )
    return next(fixed, None)
