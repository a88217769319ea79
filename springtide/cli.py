"""The command line: `springtide`, with one group of commands for each thing."""

from typing import Any

import typer
from typer.core import TyperGroup

from springtide.commands import approval, audit, estate, fleet, prices, vault, windows
from springtide.commands.sandbox import run_sandbox
from springtide.errors import SpringtideError


class _PlainErrors(TyperGroup):
    """Commands whose errors on purpose are lines on stderr and exit code 2, not tracebacks."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the base class has it so
        try:
            return super().invoke(ctx)
        except SpringtideError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_PlainErrors,
    help="A fleet that rises with the evening tide.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they could hold a secret
)
app.add_typer(estate.app, name="estate")
app.add_typer(windows.app, name="windows")
app.add_typer(fleet.app, name="fleet")
app.add_typer(vault.app, name="vault")
app.add_typer(approval.app, name="approval")
app.add_typer(audit.app, name="audit")
app.add_typer(prices.app, name="prices")
app.command("sandbox")(run_sandbox)

if __name__ == "__main__":
    app()
