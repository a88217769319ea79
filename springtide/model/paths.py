"""Paths on a worker's machine, as the estate file names them."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator


def _absolute(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) != text:
        raise ValueError("an absolute path is wanted, in its shortest form")
    return text


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
