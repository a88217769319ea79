"""`springtide prices` makes a book that is read back as it was, or says what is wrong."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from springtide.cli import app
from springtide.commands.prices import price_book_yaml
from springtide.model.price import PriceBook
from tests.pricing.test_catalogue import a_catalogue, read


def asked(catalogue: Path, *more: str) -> tuple[int, str]:
    """Exit code and all that was said."""
    options = ["--sku", "b2-60", "--account", "p-1", "--read-on", "2026-11-23", *more]
    made = CliRunner().invoke(app, ["prices", "read-catalogue", str(catalogue), *options])
    return made.exit_code, made.output


def test_a_book_comes_back_as_it_was(tmp_path: Path) -> None:
    """Through YAML, with prices to the last digit."""
    book = read(a_catalogue(), "b2-60", "volume.classic")
    assert book == PriceBook.model_validate(yaml.safe_load(price_book_yaml(book)))
    path, output = tmp_path / "catalogue.json", tmp_path / "book.yaml"
    path.write_text(json.dumps(a_catalogue()), "utf-8")
    assert (0, "") == asked(path, "-o", str(output))
    again = PriceBook.model_validate(yaml.safe_load(output.read_text("utf-8")))
    assert ["0.51", "182"] == [f"{entry.price.normalize():f}" for entry in again.entries]
    assert (0, output.read_text("utf-8")) == asked(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(None, "cannot be read", id="no file"),
        pytest.param("<html>", "is not JSON", id="a page"),
        pytest.param("[]", "is no catalogue", id="a list"),
        pytest.param("{}", "locale.currencyCode", id="another document"),
        pytest.param(json.dumps(a_catalogue([])), "prices no b2-60", id="without the SKU"),
    ],
)
def test_what_makes_no_book(tmp_path: Path, content: str | None, complaint: str) -> None:
    """Exit code 2 and a line, no traceback."""
    path = tmp_path / "catalogue.json"
    if content is not None:
        path.write_text(content, "utf-8")
    code, said = asked(path)
    assert (2, True) == (code, complaint in said)
