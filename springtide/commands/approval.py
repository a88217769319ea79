"""`springtide approval`: whose signature is it, and does it count?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from springtide.clouds.ssh_signatures import Signatures
from springtide.commands.estate import EstateFile
from springtide.errors import Misconfigured
from springtide.estate import approval_files, estate_path, load_estate
from springtide.planning.approvals import approved_until, signing_command, tidy_statement

Statement = Annotated[
    str, typer.Argument(help="The line that the run shows: springtide-approval-v1 …")
]
SignatureFile = Annotated[
    Path, typer.Argument(help="The file with the signature.", exists=True, dir_okay=False)
]

app = typer.Typer(help="Approvals of plans by SSH signature.", no_args_is_help=True)


@app.command()
def command(statement: Statement) -> None:
    """Show the command that signs the line; it runs where the key is, and needs no Springtide."""
    line = tidy_statement(statement)
    approved_until(line)
    typer.echo(signing_command(line))


@app.command()
def verify(statement: Statement, signature: SignatureFile, estate: EstateFile = None) -> None:
    """Say whose signature of the line it is; exits with 2 where it is nobody's who counts."""
    path = estate or estate_path()
    policy = load_estate(path).approvals
    if policy is None:
        raise Misconfigured("the estate names no signers", field="approvals")
    line = tidy_statement(statement)
    until = approved_until(line)
    text = signature.read_text("utf-8", errors="replace")
    signer = Signatures(*approval_files(policy, path)).verify(line, text)
    typer.echo(f"signed by {signer.name} ({signer.key})")
    if datetime.now(UTC) >= until:
        typer.echo(f"it approves nothing any more since {until:%Y-%m-%d %H:%M} UTC")
