"""What was found of the private cloud, and how full its datastores were, day by day."""

from datetime import date
from enum import StrEnum

from springtide.model.base import Model, Moment
from springtide.model.readiness import Readiness


class CoreCheck(StrEnum):
    """What is looked at, in the order in which it is told."""

    ANSWER = "answer"
    CLUSTER = "cluster"
    HOST = "host"
    DATASTORE = "datastore"
    FILL = "fill"
    VIRTUAL_MACHINE = "virtual machine"
    DATABASE = "database cluster"


class CoreFinding(Model):
    """What one check found of one thing."""

    check: CoreCheck
    subject: str
    verdict: Readiness
    detail: str


class FillSample(Model):
    """How full a datastore was on a day."""

    day: date
    datastore: str
    capacity_mib: int
    used_mib: int


class FillForecast(Model):
    """How a datastore fills, as its history foretells."""

    datastore: str
    used_mib: int
    capacity_mib: int
    per_day_mib: float | None = None
    """None: too little history."""
    red_in_days: float | None = None
    """Until its red share is reached; 0: it is; None: never, or not known."""
    why: str


class Telling(Model):
    """What people were told last of what is red."""

    reds: tuple[str, ...]
    """A digest of each."""
    more: bool = False
    """Whether there were more than are kept: until fewer are red none of them is news."""
    at: Moment
