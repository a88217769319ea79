"""The gateway's configuration file: its callers, and which alerts ask for what."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from deployments.surge_gateway.access import Token
from deployments.surge_gateway.bodies import ONE_LINE, SurgeOrder
from springtide.errors import GuardRefused, Misconfigured
from springtide.estate import read_model
from springtide.model.base import Model, Name
from springtide.model.estate import Estate
from springtide.model.surge import LONGEST_HOURS


class AlertRule(Model):
    """A firing alert of that name asks for this surge."""

    alert: Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]
    """The alert's label `alertname`; it stands in the surge's reason."""
    fleet: Name
    servers: Annotated[int, Field(ge=1, le=10_000)]
    hours: Annotated[float, Field(gt=0, le=LONGEST_HOURS)]

    def order(self) -> SurgeOrder:
        """What it asks for."""
        reason = f"alert {self.alert} is firing"
        return SurgeOrder(fleet=self.fleet, servers=self.servers, hours=self.hours, reason=reason)


class GatewayConfiguration(Model):
    """All that the gateway is told."""

    tokens: Annotated[tuple[Token, ...], Field(min_length=1)]
    alerts: tuple[AlertRule, ...] = ()
    requests_per_minute: PositiveInt = 120
    """Of each caller, and of all unknown ones together."""
    surges_per_hour: PositiveInt = 12
    """Of each caller, and of each alert's name: beyond it others are refused for a while."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=16_777_216)] = 1_048_576
    """Three hundred servers that fire one alert are a message of some 200 kB."""
    deployment: Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")] = "emergency-surge/api"
    """The one deployment that it may start."""

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for field, names in (
            ("tokens", [token.name for token in self.tokens]),
            ("alerts", [rule.alert for rule in self.alerts]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"{field}: each name stands once; given {', '.join(names)}")
        return self


def load_configuration(path: Path, estate: Estate) -> GatewayConfiguration:
    """The configuration that the file describes, as the estate can serve it.

    Raises:
        Misconfigured: one line for each mistake, or why the file cannot be read.
    """
    found = read_model(path, GatewayConfiguration)
    for number, token in enumerate(found.tokens):
        with _named(f"{path}: tokens.{number}"):
            for fleet in token.fleets:
                estate.fleet(fleet)
    for number, rule in enumerate(found.alerts):
        with _named(f"{path}: alerts.{number}"):
            rule.order().request_of(estate, key="alert", owner="gateway")
    return found


@contextmanager
def _named(place: str) -> Iterator[None]:
    """What the estate refuses is a mistake at that place of the file."""
    try:
        yield
    except (GuardRefused, Misconfigured) as error:
        raise Misconfigured(f"{place}: {error}") from error
