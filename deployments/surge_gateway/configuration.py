"""The gateway's configuration file: its callers, and which alerts ask for what."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveInt, ValidationError, model_validator
from yaml import YAMLError, safe_load

from deployments.surge_gateway.access import Token
from springtide.errors import Misconfigured
from springtide.model.base import Model, Name
from springtide.model.estate import Estate
from springtide.model.mistakes import mistakes
from springtide.model.surge import LONGEST_HOURS


class AlertRule(Model):
    """A firing alert of that name asks for this surge."""

    alert: Annotated[str, Field(min_length=1, max_length=200)]
    """The alert's label `alertname`."""
    fleet: Name
    servers: Annotated[int, Field(ge=1, le=10_000)]
    hours: Annotated[float, Field(gt=0, le=LONGEST_HOURS)]


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
    try:
        given = safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise Misconfigured(f"{path}: cannot be read: {error}") from error
    try:
        found = GatewayConfiguration.model_validate(given)
    except ValidationError as error:
        lines = (f"{path}: {line}" for line in mistakes(error, GatewayConfiguration))
        raise Misconfigured("\n".join(lines)) from error
    for number, rule in enumerate(found.alerts):
        most = estate.fleet(rule.fleet).max_servers
        if rule.servers > most:
            raise Misconfigured(
                f"{path}: given {rule.servers}",
                field=f"alerts.{number}.servers",
                allowed=f"1 to {most}, the most of fleet {rule.fleet}",
            )
    return found
