"""What one round's decision rests on, beside what is observed."""

from dataclasses import dataclass

from springtide.model.base import Moment
from springtide.model.claim import ClaimBook, Desired
from springtide.model.fleet import Fleet


@dataclass(frozen=True)
class RoundInput:
    """The fleet, what is desired of it, what is remembered, and when."""

    fleet: Fleet
    desired: Desired
    book: ClaimBook
    now: Moment
    run: str
    """Short id of the run, part of every wave's tag: two runs never share a wave."""
    falls_at: Moment | None = None
    """When fewer will be desired, if that is the next change; None: not by what is known."""
