"""How many calls were made to a cloud's services, and how many of them were refused as too many."""

from typing import Annotated

from pydantic import Field, NonNegativeInt

from springtide.model.base import Key, Model, Moment, Name


class CallCount(Model):
    """The calls to one service of one region."""

    region: str
    service: str
    calls: NonNegativeInt
    refused: NonNegativeInt = 0
    """Answers 429: too many in a time."""


class CallsNote(Model):
    """What one run has called; whoever counts them adds it up once, and losing it loses a count."""

    key: Key
    fleet: Name
    at: Moment
    counts: Annotated[tuple[CallCount, ...], Field(max_length=50)]
    until: Moment
