"""Whether what a backup has found may be stored."""

import pytest

from springtide.planning.backup_sources import emptied_limitation


@pytest.mark.parametrize(
    ("files", "before", "refused"),
    [
        pytest.param(0, 61, True, id="emptied"),
        pytest.param(0, 1, True, id="of a single file"),
        pytest.param(1, 61, False, id="nearly emptied: a file may stand for it"),
        pytest.param(0, 0, False, id="as empty as it was"),
        pytest.param(0, None, False, id="nothing is known of what was there"),
        pytest.param(61, 0, False, id="filled"),
    ],
)
def test_what_was_emptied(files: int, before: int | None, *, refused: bool) -> None:
    """A mount that is gone looks just like it: an empty directory."""
    why_not = emptied_limitation(files, before)
    assert refused == (why_not is not None)
    assert f"it held {before} file" in (why_not or f"it held {before} file")
