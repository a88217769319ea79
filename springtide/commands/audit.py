"""`springtide audit`: archive the audit log by hand, verify it, and read a run's lines."""

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from springtide.auditing.reading import run_lines
from springtide.commands.estate import EstateFile
from springtide.errors import NotFound
from springtide.estate import estate_path, load_estate
from springtide.planning.audit_log import seal_told, verdict_summary
from springtide.stores.audit_sites import open_site, seal_new_lines, verify_site

Site = Annotated[str, typer.Option(help="Which site: first or second.")]
Days = Annotated[
    int | None, typer.Option(help="Only runs that were sealed in so many days; else all.", min=1)
]

app = typer.Typer(help="The log of every change made to a cloud.", no_args_is_help=True)


@app.command("archive")
def archive_lines(estate: EstateFile = None) -> None:
    """Store this machine's new lines at the first site, and seal them; makes the container."""
    seal = seal_new_lines(load_estate(estate or estate_path()))
    told = seal_told(seal)
    typer.echo(f"worker {seal.worker}: {told}" if seal else told)


@app.command()
def verify(site: Site = "first", days: Days = None, estate: EstateFile = None) -> None:
    """Say what is wrong with the log at a site: one line for each finding; exits with 1 for any."""
    path = estate or estate_path()
    verdict = verify_site(load_estate(path), path, site, days)
    for each in verdict.findings:
        typer.echo(f"{each.subject}: {each.doubt}: {each.detail}")
    typer.echo(verdict_summary(verdict), err=True)
    raise typer.Exit(1 if verdict.findings else 0)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="The flow run's id, as in the UI's address.")],
    site: Site = "first",
    estate: EstateFile = None,
) -> None:
    """Show what a run changed, on all its workers, oldest first; that it is so `verify` tells."""
    found = load_estate(estate or estate_path())
    with open_site(found, site) as store:
        lines = list(run_lines(store, run))
    if not lines:
        raise NotFound(f"{site} site: no run {run}")
    table = Table("time", "step", "where", "what", "why", "result", box=SIMPLE_HEAD, pad_edge=False)
    for line in lines:
        what = " ".join([f"{line.method} {line.path}", *map(_change, line.values.items())])
        place, at = f"{line.region} {line.service}", f"{line.time:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, line.step, place, what, line.why, line.result or "")
    Console().print(table)


def _change(item: tuple[str, tuple[object, object]]) -> str:
    field, (before, after) = item
    return f"{field} {before} → {after}"
