"""What is remembered on a server itself: failed checks, its reboot, a person's hold.

In metadata and not in tags where it changes, as one call changes it; the listing shows both.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from springtide.clouds.openstack.service import Body, Service
from springtide.clouds.openstack.tags import hold_tag, hold_tags
from springtide.errors import NotFound, SpringtideError
from springtide.model.server import HealthMark

_HEALTH = "springtide_health"
_REBOOTED = "springtide_rebooted"
_HOLD = "springtide_hold"
_AT_ONCE = 8
_LONGEST = 255
"""Characters of a value, by Nova's schema."""


def health_of(metadata: Mapping[str, str]) -> HealthMark | None:
    """What the last checks have written: `<failed in a row> <when>`; None where that is nothing."""
    failed, _, at = metadata.get(_HEALTH, "").partition(" ")
    moment = _moment(at)
    return HealthMark(failed=int(failed), at=moment) if failed.isdecimal() and moment else None


def rebooted_at(metadata: Mapping[str, str]) -> datetime | None:
    """When healing rebooted the server."""
    return _moment(metadata.get(_REBOOTED, ""))


def held_by(metadata: Mapping[str, str]) -> str:
    """Who holds the server, and why."""
    return metadata.get(_HOLD, "")


def write_checks(compute: Service, ids: Sequence[str], failed: int, at: datetime) -> int:
    """Write on each server that so many checks have failed in a row; how many servers there were.

    Raises:
        SpringtideError: the first refusal, when all were tried.
    """

    def write(server_id: str) -> None:
        metadata = {_HEALTH: f"{failed} {at.isoformat(timespec='milliseconds')}"}
        _remember(compute, server_id, metadata, why=f"failed checks in a row: {failed}")

    return _each(write, ids)


def reboot_servers(compute: Service, ids: Sequence[str], reason: str, at: datetime) -> int:
    """Reboot each server from outside, written on it before; how many servers there were.

    A run that is killed in between has it replaced without a reboot, and never rebooted twice.

    Raises:
        SpringtideError: the first refusal, when all were tried.
    """
    when = at.isoformat(timespec="milliseconds")

    def reboot(server_id: str) -> None:
        _remember(
            compute, server_id, {_REBOOTED: when, _HEALTH: f"0 {when}"}, why=f"reboot: {reason}"
        )
        order = {"reboot": {"type": "HARD"}}
        compute.change("POST", f"/servers/{server_id}/action", order, why=reason)

    return _each(reboot, ids)


def hold_server(compute: Service, server_id: str, *, until: datetime, who: str) -> None:
    """Hold the server until then, instead of any hold before; `who` also says why.

    Raises:
        NotFound: it is gone.
    """
    _remember(compute, server_id, {_HOLD: who[:_LONGEST]}, why=f"hold: {who}")
    tag = hold_tag(until)
    compute.change("PUT", f"/servers/{server_id}/tags/{tag}", why=f"hold: {who}")
    _drop_holds(compute, server_id, but=tag, why=f"hold: {who}")


def release_server(compute: Service, server_id: str, *, who: str) -> None:
    """End every hold of the server; one that is not held is a success.

    Raises:
        NotFound: it is gone.
    """
    _drop_holds(compute, server_id, but="", why=f"release: {who}")
    with suppress(NotFound):
        compute.change("DELETE", f"/servers/{server_id}/metadata/{_HOLD}", why=f"release: {who}")


def _drop_holds(compute: Service, server_id: str, *, but: str, why: str) -> None:
    for tag in hold_tags(compute.get(f"/servers/{server_id}/tags")["tags"]):
        if tag != but:
            with suppress(NotFound):
                compute.change("DELETE", f"/servers/{server_id}/tags/{tag}", why=why)


def _remember(compute: Service, server_id: str, metadata: dict[str, str], *, why: str) -> None:
    body: Body = {"metadata": metadata}
    compute.change("POST", f"/servers/{server_id}/metadata", body, why=why)


def _each(act: Callable[[str], None], ids: Sequence[str]) -> int:
    """Act on each server, a few at a time; one that is gone needs nothing."""

    def refusal(server_id: str) -> SpringtideError | None:
        try:
            with suppress(NotFound):
                act(server_id)
        except SpringtideError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for refused in pool.map(refusal, ids):
            if refused is not None:
                raise refused
    return len(ids)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
