"""What marks a thing as ours: tags, on servers and on members alike."""

from collections.abc import Collection
from datetime import UTC, datetime

OURS = "springtide"
_DRAIN = "springtide:drain:"
_EXPIRES = "springtide:expires:"
_FLEET = "springtide:fleet:"
_HOLD = "springtide:hold:"
_LEFTOVER = "springtide:leftover:"
_SERVER = "springtide:server:"
_WAVE = "springtide:wave:"
_STAMP = "%Y%m%dT%H%M%SZ"


def fleet_tag(fleet_name: str) -> str:
    """On every server and member of the fleet."""
    return _FLEET + fleet_name


def wave_tag(wave: str) -> str:
    """On every server of one multi-create call."""
    return _WAVE + wave


def server_tag(server_id: str) -> str:
    """On a member: for which server it was made."""
    return _SERVER + server_id


def drain_tag(at: datetime) -> str:
    """On a member: since when it is drained."""
    return _DRAIN + _stamp(at)


def leftover_tag(at: datetime) -> str:
    """On a thing that nobody knows: when a sweep saw it first."""
    return _LEFTOVER + _stamp(at)


def is_leftover_tag(tag: str) -> bool:
    """Whether it is a sweep's mark."""
    return tag.startswith(_LEFTOVER)


def is_ours(tags: Collection[str]) -> bool:
    """Whether one of the tags is our mark: all else is never touched."""
    return any(tag == OURS or tag.startswith(_FLEET) for tag in tags)


def fleet_of(tags: list[str]) -> str | None:
    """The fleet that a thing was made for."""
    return _value(tags, _FLEET)


def sighted_at(tags: list[str]) -> datetime | None:
    """When a sweep saw a thing first; of several such marks the latest."""
    return _moment(_value(tags, _LEFTOVER))


def expires_at(tags: list[str]) -> datetime | None:
    """When a thing has to go, by its own tag; of several the latest."""
    return _moment(_value(tags, _EXPIRES))


def held_until(tags: list[str]) -> datetime | None:
    """Until when a person holds a thing; of several such tags the latest."""
    return _moment(_value(tags, _HOLD))


def hold_tag(until: datetime) -> str:
    """On a server: until when a person holds it."""
    return _HOLD + _stamp(until)


def hold_tags(tags: list[str]) -> list[str]:
    """Those of the tags that say that a person holds the server."""
    return [tag for tag in tags if tag.startswith(_HOLD)]


def wave_of(tags: list[str]) -> str | None:
    """The wave that made a server."""
    return _value(tags, _WAVE)


def server_of(tags: list[str]) -> str | None:
    """The server that a member was made for."""
    return _value(tags, _SERVER)


def drained_since(tags: list[str]) -> datetime | None:
    """Since when a member is drained, by its tag."""
    return _moment(_value(tags, _DRAIN))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_STAMP)


def _moment(stamp: str | None) -> datetime | None:
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) if stamp else None
    except ValueError:
        return None


def _value(tags: list[str], prefix: str) -> str | None:
    found = sorted(tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix))
    return found[-1] if found else None
