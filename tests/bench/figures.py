"""What a measurement comes out as: one figure a row, for people and for machines."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from rich.console import Console
from rich.table import Table

from springtide.model.base import Model

Hundredths = Annotated[float, AfterValidator(lambda value: round(value, 2))]


class Figure(Model):
    """One measured number, and where there is one the bound that it has to keep."""

    bench: str
    case: str
    what: str
    value: Hundredths
    unit: str = ""
    bound: Hundredths | None = None
    """The most that it may be."""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether it keeps its bound; empty where it has none."""
        if self.bound is None:
            return ""
        return "kept" if self.value <= self.bound else "missed"


def show(console: Console, title: str, figures: Iterable[Figure]) -> None:
    """Print the figures as a table."""
    table = Table(title=title, title_justify="left")
    for heading in ("case", "what", "measured", "at most", "verdict", "note"):
        table.add_column(heading, justify="right" if heading in ("measured", "at most") else "left")
    for figure in figures:
        table.add_row(
            figure.case,
            figure.what,
            _number(figure.value, figure.unit),
            "" if figure.bound is None else _number(figure.bound, figure.unit),
            figure.verdict,
            figure.note,
        )
    console.print(table)


def write_lines(path: Path, figures: Iterable[Figure]) -> None:
    """Write the figures as JSON, one a line."""
    rows = (figure.model_dump() | {"verdict": figure.verdict} for figure in figures)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def _number(value: float, unit: str) -> str:
    text = f"{value:.0f}" if value == int(value) else f"{value:.2f}"
    return f"{text} {unit}".rstrip()
