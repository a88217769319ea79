"""`springtide prices`: price books, made of what the provider publishes."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml

from springtide.errors import Misconfigured
from springtide.model.price import PriceBook
from springtide.pricing.catalogue import read_catalogue

app = typer.Typer(help="Price books of what the provider publishes.", no_args_is_help=True)

Catalogue = Annotated[
    Path, typer.Argument(help="JSON file: an answer of OVHcloud's /order/catalog/public/cloud.")
]
Skus = Annotated[
    list[str], typer.Option("--sku", help="A flavour or another SKU that is wanted; repeatable.")
]
Account = Annotated[str, typer.Option("--account", help="The project's number at the provider.")]
ReadOn = Annotated[
    datetime | None,
    typer.Option("--read-on", formats=["%Y-%m-%d"], help="When it was read; else today."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file; else to the terminal.")
]


@app.callback()
def prices() -> None:
    """Price books of what the provider publishes."""


@app.command("read-catalogue")
def read_catalogue_file(
    catalogue: Catalogue, sku: Skus, account: Account, read_on: ReadOn = None, output: Output = None
) -> None:
    """Make a price book of the catalogue, as a YAML file to keep and to review changes of."""
    day = (read_on or datetime.now(UTC)).date()
    text = price_book_yaml(_read(catalogue, sku, account, day))
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def price_book_yaml(book: PriceBook) -> str:
    """The book as the estate's `price_books` are read; prices stay exact as text."""
    given = book.model_dump(mode="json", exclude_defaults=True)
    text: str = yaml.safe_dump(given, sort_keys=False, allow_unicode=True)
    return text


def _read(path: Path, skus: list[str], account: str, day: date) -> PriceBook:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Misconfigured(f"{path}: is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Misconfigured(f"{path}: is no catalogue", allowed="an answer of the API, an object")
    source = f"OVHcloud catalogue read {day}, {path.name}"
    return read_catalogue(document, skus, dated=day, billing_account=account, source=source)
