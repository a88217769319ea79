"""A change of a virtual machine's size: how it goes, step by step, and what it was decided on."""

from enum import StrEnum

from springtide.model.base import Model
from springtide.model.core import VirtualMachineSize


class ResizeMode(StrEnum):
    """How a new size is reached."""

    HOT = "hot"
    """While it runs."""
    COLD = "cold"
    """It is shut down, changed and started."""
    NOTHING = "nothing"
    """It is as wanted already."""
    REFUSED = "refused"
    """Not at all, as things are."""


class ResizeStep(StrEnum):
    """A step of it; each can be repeated."""

    SHUT_DOWN = "shut down its guest"
    RECONFIGURE = "give it its new size"
    POWER_ON = "power it on"


class ResizePlan(Model):
    """What would be done to a virtual machine, and why like this."""

    id: str
    """VCenter's own for it."""
    name: str
    mode: ResizeMode
    reason: str
    before: VirtualMachineSize
    after: VirtualMachineSize
    change_version: str
    """What it was decided on: of another one nothing is changed."""
    steps: tuple[ResizeStep, ...] = ()
    notes: tuple[str, ...] = ()
    """What whoever approves it should know."""
    emergency: str = ""
    """Why it is shut down in spite of a window, in a person's words."""


class ApprovedResize(Model):
    """What a run that was killed leaves to the next: the plan, and what proves its approval."""

    plan: ResizePlan
    statement: str
    signatures: tuple[str, ...]
    ran_with: VirtualMachineSize | None = None
    """What it had when it was first shut down for it; None: it was not."""
