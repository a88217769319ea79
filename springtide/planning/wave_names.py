"""What a wave is called: when it was decided, by which run, which of the round, of how many.

Example: `20261123t160003125-ab12cd34-0-16`, decided at 16:00:03.125 UTC, 16 servers.
"""

from datetime import UTC, datetime

from springtide.model.base import Moment

_STAMP = "%Y%m%dt%H%M%S"


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
