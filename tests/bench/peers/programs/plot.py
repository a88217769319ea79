"""A program: draws the standings that it reads as JSON into the SVG that it is given.

It runs in an environment with matplotlib, where the project is not.
"""

import json
import sys
from typing import Any

# Its own environment has it, the project's has not.
import matplotlib as mpl  # type: ignore[import-not-found]
from matplotlib import pyplot as plt

_PHASES = (("opening", "opened: ACTIVE and in the pool"), ("closing", "closed: all gone"))
_COLOURS = {"springtide": "#1f6feb", "floor": "#8c959f", "peer": "#bc6c25"}


def draw(found: list[dict[str, Any]], file: str) -> None:
    """A row of panels for each number of servers, an opening and a closing each."""
    # Alike from run to run, and as text that can be searched.
    mpl.rcParams |= {"svg.hashsalt": "peers", "svg.fonttype": "none", "font.size": 9}
    sizes = sorted({one["servers"] for one in found})
    figure, panels = plt.subplots(
        len(sizes), 2, figsize=(10, 0.8 + 2.2 * len(sizes)), squeeze=False, layout="constrained"
    )
    for row, servers in zip(panels, sizes, strict=True):
        standing = [one for one in found if one["servers"] == servers][::-1]
        for panel, (phase, title) in zip(row, _PHASES, strict=True):
            _bars(panel, standing, phase)
            panel.set_title(f"{servers} servers {title}", fontsize=9)
        row[1].set_yticklabels([])
    figure.savefig(file, metadata={"Date": None, "Creator": None})


def _bars(panel: Any, standing: list[dict[str, Any]], phase: str) -> None:  # noqa: ANN401 - untyped
    names = [one["title"].replace("`", "") for one in standing]
    seconds = [one[phase]["seconds"] if one[phase] else 0 for one in standing]
    bars = panel.barh(names, seconds, color=[_colour(one) for one in standing])
    shown = [f"{s:.0f} s" if s else "failed" for s in seconds]
    panel.bar_label(bars, shown, padding=3)
    floor = min(
        (s for one, s in zip(standing, seconds, strict=True) if _is_floor(one, s)), default=0
    )
    if floor:
        panel.axvline(floor, color=_COLOURS["floor"], linewidth=0.8, linestyle="--")
    panel.margins(x=0.15)
    panel.spines[["top", "right"]].set_visible(False)


def _is_floor(one: dict[str, Any], seconds: float) -> bool:
    return bool(one["is_floor"]) and seconds > 0


def _colour(one: dict[str, Any]) -> str:
    kind = "floor" if one["is_floor"] else "peer"
    return _COLOURS.get(one["contestant"], _COLOURS[kind])


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.argv[1])
