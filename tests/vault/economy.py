"""What tests have smaller than a repository of production, so that they need not write gigabytes.

Constants of the code, replaced for a while: nobody can set them from outside, so that no
repository that counts has a password that is cheap to guess.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from springtide.vault import index_documents, key_files, writing

PASSWORD_COST: int = vars(key_files)["_COST"]
"""Of production."""
_CHEAP = 2**10


@contextmanager
def passwords_at(cost: int = _CHEAP) -> Iterator[None]:
    """Key files made meanwhile are as dear to try as that; each tells its own cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_files, "_COST", cost)
        yield


@contextmanager
def packs_of(size: int) -> Iterator[None]:
    """Packs are full meanwhile that hold so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "PACK_BYTES", size)
        yield


@contextmanager
def index_documents_of(blobs: int) -> Iterator[None]:
    """Index documents written meanwhile name at most so many blobs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_documents, "_BLOBS_A_DOCUMENT", blobs)
        yield
