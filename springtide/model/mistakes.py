"""What is wrong with something that a person wrote, in that person's words and by its place."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from springtide.model.base import Model

_LONGEST_GIVEN = 80
_PATTERNS = {
    r"^[a-z][a-z0-9-]{0,30}$": "a lower-case letter, then at most 30 of a-z, 0-9 and -",
}
"""What a pattern means, for those that many fields share."""


def mistakes(error: ValidationError, model: type[Model]) -> tuple[str, ...]:
    """One line for each mistake: `fleets.0.regions.1.weight: given 0, must be greater than 0`.

    `model` is what was validated: it knows which fields an unknown one could have been.
    """
    found = error.errors(include_url=False)
    return tuple(_line(detail, model) for detail in found if not _is_echo(detail))


def refuse(model: Model, found: Iterable[str]) -> None:
    """Have the validation of `model` fail with every mistake that was found, each by itself.

    For a model's validators: a ValueError says one thing, and the others only once that is mended.

    Raises:
        ValidationError: there is a mistake.
    """
    lines = [
        InitErrorDetails(type=PydanticCustomError("value_error", line), input=model)
        for line in found
    ]
    if lines:
        raise ValidationError.from_exception_data(type(model).__name__, lines)


def listed(names: Iterable[str]) -> str:
    """The names that are allowed, in one line."""
    return ", ".join(names) or "none is there"


def _is_echo(detail: ErrorDetails) -> bool:
    # A list that is long enough is said to be too short where its items are wrong.
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _line(detail: ErrorDetails, model: type[Model]) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {_trouble(detail, model)}" if place else _trouble(detail, model)


def _trouble(detail: ErrorDetails, model: type[Model]) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        return _unknown(detail["loc"], model)
    if kind == "missing":
        return "is missing"
    if kind == "value_error":  # our own words, which name the value themselves
        return message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        pattern = detail["ctx"]["pattern"]
        return f"{_given(detail)}must be {_PATTERNS.get(pattern, f'of the pattern {pattern}')}"
    _, should, wanted = message.replace(" after validation", "").partition(" should ")
    return f"{_given(detail)}{f'must {wanted}' if should else message}"


def _given(detail: ErrorDetails) -> str:
    value = detail["input"]
    # A whole section repeated would hide the one word that matters.
    if isinstance(value, dict | list | tuple | Model):
        return ""
    text = repr(value) if isinstance(value, str) else str(value)
    return f"given {text[:_LONGEST_GIVEN]}, "


def _unknown(loc: tuple[int | str, ...], model: type[Model]) -> str:
    *path, last = loc
    holders = [model]
    for part in path:
        if isinstance(part, str):
            holders = _models_of(holders, part) or holders
    known = sorted(_names(holders[0]))
    alike = get_close_matches(str(last), known, n=1)
    hint = f"; did you mean {alike[0]}?" if alike else ""
    return f"is not a field{hint} (allowed: {', '.join(known)})"


def _names(model: type[Model]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _models_of(holders: list[type[Model]], name: str) -> list[type[Model]]:
    """What a field of that name holds; or those of the holders whose `kind` it is."""
    for field_name, field in holders[0].model_fields.items():
        if name in (field.alias, field_name):
            return list(_models_in(field.annotation))
    return [
        holder
        for holder in holders
        if (kind := holder.model_fields.get("kind")) and name in get_args(kind.annotation)
    ]


def _models_in(annotation: Any) -> Iterator[type[Model]]:  # noqa: ANN401 - an annotation is anything
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
