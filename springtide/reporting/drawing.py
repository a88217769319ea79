"""From a chart to an SVG that stands inside a page: its colours are the page's, its names its own.

Colours are given as `var(--…)` or `currentColor`, so that one picture serves a light page, a dark
one and paper. Two pictures in one page must not share an id, and Vega counts its ids on from one
picture to the next: here they are numbered anew, so that the same chart gives the same text.
"""

import re
from typing import Any

import vl_convert

INK, FAINT, LINE = "var(--ink)", "var(--faint)", "var(--line)"
SERIES = tuple(f"var(--c{n})" for n in range(1, 7))
_ID = re.compile(r'\bid="([^"]+)"')
_SIZE = re.compile(r'<svg([^>]*?) width="[\d.]+" height="[\d.]+"')

Chart = Any
"""Altair's methods tell mypy nothing of what they return."""


def draw(chart: Chart, name: str) -> str:
    """The chart as an SVG element; `name` is unique within the page. Nothing is fetched for it."""
    spec = _configured(chart).to_dict()
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return _own_ids(_SIZE.sub(r"<svg\1", svg, count=1), name)


def _configured(chart: Chart) -> Any:  # noqa: ANN401 - Altair's types differ from call to call
    return (
        chart.configure(background="transparent", font="sans-serif", aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=FAINT,
            titleColor=FAINT,
            domainColor=LINE,
            tickColor=LINE,
            gridColor=LINE,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
        )
        .configure_legend(
            labelColor=FAINT,
            titleColor=FAINT,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            orient="top",
        )
    )


def _own_ids(svg: str, name: str) -> str:
    for number, found in enumerate(dict.fromkeys(_ID.findall(svg))):
        own = f"{name}-{number}"
        svg = svg.replace(f'id="{found}"', f'id="{own}"').replace(f"url(#{found})", f"url(#{own})")
        svg = svg.replace(f'href="#{found}"', f'href="#{own}"')
    return svg
