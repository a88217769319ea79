"""How a fleet's sick servers are found, and how many are repaired at once."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from springtide.model.base import Model


class Signal(StrEnum):
    """Who may say that a member is sick."""

    NOVA = "nova"
    PROBE = "probe"
    BALANCER = "balancer"


class Healing(Model):
    """When a member is sick, what is done about it, and when nothing is."""

    signals: tuple[Signal, ...] = (Signal.NOVA, Signal.PROBE, Signal.BALANCER)
    """Who is listened to: `nova` (its status), `probe` (our own health check; only where
    `health.prober` is `springtide`), `balancer` (the member's operating status). Empty: members
    are never found sick."""
    sick_after_checks: Annotated[int, Field(ge=1, le=20)] = 3
    """Failed checks in a row, by any of the signals, after which a member is sick."""
    check_interval_s: Annotated[float, Field(ge=0, le=600)] = 10
    """Least time between two checks that count, in seconds."""
    reboot_first: bool = False
    """Whether a sick server is rebooted once before it is replaced; a reboot cuts whatever it
    still serves."""
    at_once_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the fleet's members that are repaired at once; at least one."""
    stop_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Above this share of members that fail their checks nothing is repaired and the alarm is
    raised: the fault lies elsewhere."""
    whole_regions: bool = False
    """Whether members are repaired even where all of a region are said to be down; else the
    balancer, the network or our own way there is taken to be at fault."""
    back_off_s: Annotated[float, Field(ge=0, le=3600)] = 60
    """Pause before a successor is launched where successors of the same image in the same region
    have died, in seconds; doubled with each generation."""
    most_generations: Annotated[int, Field(ge=1, le=10)] = 4
    """After so many generations no more of that image is launched in that region, and the alarm is
    raised, until the deaths are forgotten."""
    deaths_remembered_s: Annotated[float, Field(ge=60, le=86_400)] = 7200
    """How long a death is remembered, in seconds."""
