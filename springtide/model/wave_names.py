"""What a wave is called: when it was decided, by which run, which of the round, of how many.

Example: `20261123t160003125-ab12cd34-0-16`, decided at 16:00:03.125 UTC, 16 servers. Its servers
are called after it, `api-20261123t160003125-ab12cd34-0-16-1`, and so is the group made for it.
"""

import re
from datetime import UTC, datetime

from springtide.model.base import Moment

_STAMP = "%Y%m%dt%H%M%S"
_FLEET = r"(?P<fleet>[a-z][a-z0-9-]{0,30})"
_SERVER = re.compile(_FLEET + r"-\d{8}t\d{9}-")
_GROUP = re.compile("springtide-" + _FLEET + r"-(?P<stamp>\d{8}t\d{6})")


def wave_name(now: Moment, run: str, index: int, size: int) -> str:
    """The wave's unique name."""
    at = now.astimezone(UTC)
    return f"{at:{_STAMP}}{at.microsecond // 1000:03d}-{run}-{index}-{size}"


def wave_size(wave: str, listed: int) -> int:
    """How many servers the wave was made of, at least those that are listed: some may be gone."""
    said = wave.rpartition("-")[2]
    return max(listed, int(said)) if said.isascii() and said.isdigit() else listed


def wave_moment(wave: str | None) -> Moment | None:
    """When the wave was decided, to the millisecond; None where its name does not say so."""
    stamp = (wave or "").partition("-")[0]
    try:
        return datetime.strptime(stamp + "000", _STAMP + "%f").replace(tzinfo=UTC)
    except ValueError:
        return None


def server_fleet(name: str) -> str | None:
    """The fleet after which, and after a wave of which, a server is called; None: it is not.

    A fleet's name may begin another's: what follows it is the stamp of a wave.
    """
    said = _SERVER.match(name)
    return said and said["fleet"]


def group_name(fleet: str, wave: str) -> str:
    """The name of the server group that is made for the wave."""
    return f"springtide-{fleet}-{wave}"


def parse_group(name: str) -> tuple[str, Moment] | None:
    """The fleet of a group that a wave has named, and when, to the second; None: it is not ours."""
    said = _GROUP.match(name)
    try:
        return said and (
            said["fleet"],
            datetime.strptime(said["stamp"], _STAMP).replace(tzinfo=UTC),
        )
    except ValueError:
        return None
