"""Sections of a screen on a terminal."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from springtide.model.glance import Section

_RED = frozenset({"Failed", "Crashed", "TimedOut", "alarm", "failed", "not read"})
_YELLOW = frozenset({"Cancelled", "Late", "first sighting", "shortfall", "skipped", "freeze"})
_GREEN = frozenset({"Completed", "Running"})


def show_sections(sections: Iterable[Section], console: Console | None = None) -> None:
    """Print each section: its title, its sentence, its table."""
    screen = console or Console()
    for section in sections:
        screen.print(Text(section.title, style="bold red" if section.title == "Alarms" else "bold"))
        if section.text:
            screen.print(Padding(Text(section.text.replace("**", "")), (0, 0, 0, 2)))
        if section.rows:
            screen.print(_table(section))
        screen.print()


def _table(section: Section) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for head in section.heads:
        numbers = all(isinstance(row.get(head) or 0, int) for row in section.rows)
        table.add_column(head, justify="right" if numbers else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(_cell(row.get(head, "")) for head in section.heads))
    return table


def _cell(value: str | int) -> Text:
    text = str(value)
    for words, style in ((_RED, "red"), (_YELLOW, "yellow"), (_GREEN, "green")):
        if text in words:
            return Text(text, style=style)
    return Text(text)
