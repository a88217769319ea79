"""What is said of lists that are too short."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from springtide.model.base import Model
from springtide.model.mistakes import mistakes


class Item(Model):
    """One of a list."""

    size: Annotated[int, Field(gt=0)]


class Pair(Model):
    """At least two of them."""

    items: Annotated[tuple[Item, ...], Field(min_length=2)]


SHORT = "items: must have at least 2 items, not {}"
WRONG = "items.{}.size: given 0, must be greater than 0"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], (SHORT.format(0),), id="none"),
        pytest.param([1], (SHORT.format(1),), id="one too few"),
        pytest.param([0], (WRONG.format(0), SHORT.format(0)), id="one too few, and wrong"),
        pytest.param([1, 0], (WRONG.format(1),), id="as many as are wanted, one wrong"),
        pytest.param([0, 0], (WRONG.format(0), WRONG.format(1)), id="all of them wrong"),
    ],
)
def test_a_list_is_too_short(sizes: list[int], expected: tuple[str, ...]) -> None:
    """It is told with its field, and not where enough were given and some are wrong."""
    with pytest.raises(ValidationError) as caught:
        Pair.model_validate({"items": [{"size": size} for size in sizes]})
    assert expected == mistakes(caught.value, Pair)
