"""What marks a thing as ours: tags, on servers and on members alike."""

from datetime import UTC, datetime

OURS = "springtide"
_DRAIN = "springtide:drain:"
_SERVER = "springtide:server:"
_WAVE = "springtide:wave:"
_STAMP = "%Y%m%dT%H%M%SZ"


def fleet_tag(fleet_name: str) -> str:
    """On every server and member of the fleet."""
    return f"springtide:fleet:{fleet_name}"


def wave_tag(wave: str) -> str:
    """On every server of one multi-create call."""
    return _WAVE + wave


def server_tag(server_id: str) -> str:
    """On a member: for which server it was made."""
    return _SERVER + server_id


def drain_tag(at: datetime) -> str:
    """On a member: since when it is drained."""
    return _DRAIN + at.astimezone(UTC).strftime(_STAMP)


def wave_of(tags: list[str]) -> str | None:
    """The wave that made a server."""
    return _value(tags, _WAVE)


def server_of(tags: list[str]) -> str | None:
    """The server that a member was made for."""
    return _value(tags, _SERVER)


def drained_since(tags: list[str]) -> datetime | None:
    """Since when a member is drained, by its tag."""
    stamp = _value(tags, _DRAIN)
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) if stamp else None
    except ValueError:
        return None


def _value(tags: list[str], prefix: str) -> str | None:
    found = sorted(tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix))
    return found[-1] if found else None
