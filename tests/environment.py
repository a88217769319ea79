"""The environment of the tests' own process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def environment(**changes: str) -> Iterator[None]:
    """The environment changed so; all of it is as before at the end, however that comes."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        # Never empty in between: other threads read it.
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
