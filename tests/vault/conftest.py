"""The stand that the tests of prune share, and passwords that cost all tests little."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.vault.blobs import BlobKind
from tests.vault.economy import passwords_at
from tests.vault.pruned_world import (
    LAG_S,
    back_up,
    content,
    put_pack,
)
from tests.vault.pruning_stand import Stand

DATA = BlobKind.DATA


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Making or opening a repository takes milliseconds instead of a tenth of a second."""
    with passwords_at():
        yield


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """A pack of which nothing, one of which a third and one of which all is needed."""
    stand = Stand(tmp_path)
    with stand.opened("first") as repository:
        for contents in ("xyz", "abc", "de"):
            put_pack(repository, DATA, *map(content, contents))
        back_up(repository, "ade")
    stand.wait(LAG_S + 1)
    return stand
