"""The estate of a test bed, with an evening that is open now."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

import yaml

from springtide.estate import load_estate

TEMPLATE = Path(__file__).with_name("estate.yaml")
_OPEN_HOUR = 17
"""The local hour at which the estate is written: an hour after the evening's first minute."""


def write_estate(folder: Path, control_url: str) -> Path:
    """Write `estate.yaml` into that folder; its evening is open for some four hours from now.

    A real cloud's clock cannot be moved, so the evening is brought to the present: by a time zone
    in which it is late in the afternoon.
    """
    path = folder / "estate.yaml"
    text = Template(TEMPLATE.read_text("utf-8")).substitute(
        clock_url=f"{control_url}/admin/clock", timezone=zone_of(datetime.now(UTC).hour)
    )
    path.write_text(text, "utf-8")
    return path


def zone_of(utc_hour: int) -> str:
    """The time zone in which it is 17 o'clock when it is that hour in UTC."""
    ahead_h = (_OPEN_HOUR - utc_hour + 11) % 24 - 11
    # As POSIX has it, zones of this name count westwards: `Etc/GMT-5` is ahead of UTC.
    return f"Etc/GMT{-ahead_h:+d}" if ahead_h else "Etc/GMT"


def end_evening(estate_file: Path) -> None:
    """Have the evening's claim end with the last full minute: from now on it is to be closed."""
    estate = yaml.safe_load(estate_file.read_text("utf-8"))
    for window, known in zip(estate["windows"], load_estate(estate_file).windows, strict=True):
        until = datetime.now(known.zone) + timedelta(minutes=known.tail_minutes)
        window["until"] = f"{until:%H:%M}"
    estate_file.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")
