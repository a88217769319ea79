"""Faults on demand: what goes wrong with requests, and with the servers to come."""

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from springtide.model.base import Model

Service = Literal["identity", "compute", "image", "network", "load-balancer"]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Share = Annotated[float, Field(ge=0, le=1)]
HttpStatus = Annotated[int, Field(ge=100, le=599)]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


class FaultRule(Model):
    """Which requests meet a fault, and what that is. The first rule that matches is the one."""

    service: Service | None = None
    """Service type, as the catalogue names it; None: every one."""
    region: str | None = None
    """None: every region."""
    method: Method | None = None
    """HTTP method, in capitals; None: every one."""
    path_regex: Annotated[str, AfterValidator(_compiles)] = ""
    """Searched in the path after the service's root, such as `^/servers$`."""
    effect: Literal["status", "drop", "hold"] = "status"
    """Answer with `status`, close the connection unanswered, or keep the reply until released."""
    status: HttpStatus | None = None
    """For the effect `status` alone."""
    retry_after_s: NonNegativeInt | None = None
    """Sent as Retry-After, with the effect `status`."""
    when: Literal["before", "after"] = "before"
    """Whether the request's own effect is still missing or already done when the fault comes."""
    probability: Share = 1.0
    times: PositiveInt | None = None
    """How many requests it strikes; None: without end."""

    @model_validator(mode="after")
    def _status_with_its_effect(self) -> Self:
        if (self.effect == "status") != (self.status is not None):
            raise ValueError("status goes with the effect 'status', and only with it")
        return self


class ServerBehaviour(Model):
    """How servers created from now on turn out."""

    region: str | None = None
    """None: in every region."""
    image: str | None = None
    """Name of the image they boot from; None: any."""
    share: Share = 1.0
    """Which part of the servers it strikes, drawn for each."""
    times: PositiveInt | None = None
    """How many servers it strikes; None: without end."""
    error: Literal["NoValidHost", "BuildAbort"] | None = None
    """NoValidHost takes the whole wave to ERROR, BuildAbort the one server at its boot's end."""
    stuck_build: bool = False
    """It never leaves BUILD."""
    boot_s: NonNegativeFloat | None = None
    """From the accepted create to ACTIVE (not divided by the speed); None: as configured."""
    answer_s: NonNegativeFloat | None = None
    """From ACTIVE to the first answer (not divided by the speed); None: as configured."""
    never_answers: bool = False
    """ACTIVE, but nothing ever listens."""
    health_status: HttpStatus = 200
    health_delay_s: NonNegativeFloat = 0.0
    leak_port: bool = False
    """Its port stays behind when it is deleted."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the fault rules see it; `region` is None for the identity service."""

    service: str
    region: str | None
    method: str
    path: str


@dataclass(slots=True)
class Hold:
    """A request whose reply is kept back until it is released."""

    id: str
    call: Call
    when: str
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Armed:
    left: int | None

    def strike(self) -> None:
        if self.left is not None:
            self.left -= 1

    @property
    def spent(self) -> bool:
        return self.left == 0


class Faults:
    """The fault rules and server behaviours in force, and the requests they hold."""

    def __init__(self, rng: random.Random) -> None:
        """Start with none in force; probabilities and shares are drawn from `rng`."""
        self._rng = rng
        self._rules: dict[str, tuple[FaultRule, _Armed]] = {}
        self._behaviours: dict[str, tuple[ServerBehaviour, _Armed]] = {}
        self._last_id = 0
        self.holds: dict[str, Hold] = {}

    @property
    def rules(self) -> dict[str, FaultRule]:
        """The rules that can still strike, by id, in the order in which they are tried."""
        return {key: rule for key, (rule, armed) in self._rules.items() if not armed.spent}

    @property
    def behaviours(self) -> dict[str, ServerBehaviour]:
        """The behaviours that can still strike, by id, in the order in which they are tried."""
        return {key: one for key, (one, armed) in self._behaviours.items() if not armed.spent}

    def add_rule(self, rule: FaultRule) -> str:
        """Put a rule in force, after those already there; returns its id."""
        key = self._next_id("fault")
        self._rules[key] = (rule, _Armed(rule.times))
        return key

    def add_behaviour(self, behaviour: ServerBehaviour) -> str:
        """Put a behaviour in force, after those already there; returns its id."""
        key = self._next_id("behaviour")
        self._behaviours[key] = (behaviour, _Armed(behaviour.times))
        return key

    def remove(self, key: str) -> bool:
        """Take a rule or behaviour out of force; False if there is none of that id."""
        return (self._rules.pop(key, None) or self._behaviours.pop(key, None)) is not None

    def clear(self) -> None:
        """Take everything out of force and release every held request."""
        self._rules.clear()
        self._behaviours.clear()
        for key in list(self.holds):
            self.release(key)

    def strike(self, call: Call) -> FaultRule | None:
        """The fault that this request meets, counted against its rule's times."""
        for rule, armed in self._rules.values():
            if not armed.spent and _matches(rule, call) and self._drawn(rule.probability):
                armed.strike()
                return rule
        return None

    def behaviour_for(self, region: str, image: str | None) -> ServerBehaviour:
        """How a server about to be created turns out, counted against its behaviour's times."""
        for behaviour, armed in self._behaviours.values():
            fits = behaviour.region in {None, region} and behaviour.image in {None, image}
            if not armed.spent and fits and self._drawn(behaviour.share):
                armed.strike()
                return behaviour
        return ServerBehaviour()

    async def hold(self, call: Call, when: str) -> None:
        """Keep a request waiting until it is released."""
        hold = Hold(self._next_id("hold"), call, when)
        self.holds[hold.id] = hold
        try:
            await hold.released.wait()
        finally:
            self.holds.pop(hold.id, None)

    def release(self, key: str) -> bool:
        """Let a held request go on; False if there is none of that id."""
        hold = self.holds.pop(key, None)
        if hold is not None:
            hold.released.set()
        return hold is not None

    def _next_id(self, kind: str) -> str:
        self._last_id += 1
        return f"{kind}-{self._last_id}"

    def _drawn(self, probability: float) -> bool:
        return probability >= 1 or self._rng.random() < probability


def _matches(rule: FaultRule, call: Call) -> bool:
    return (
        rule.service in {None, call.service}
        and rule.region in {None, call.region}
        and rule.method in {None, call.method}
        and re.search(rule.path_regex, call.path) is not None
    )
