"""What callers send and what they get: the schemas of the gateway's OpenAPI."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from springtide.model.base import CloudName, Model, Moment, Name, Reason
from springtide.model.estate import Estate
from springtide.model.surge import LONGEST_HOURS, SurgeRequest
from springtide.planning.emergency_surge import surge_request

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
ONE_LINE = Field(pattern=r"^[^\x00-\x1f\x7f]*$")
_ALERT_KEY = 80
_OVERLAP_S = 900.0
_OVERLAP_SHARE = 0.25
"""An alert that goes on has its next surge so long before the one before ends, or for such a share
of it where that is less: Alertmanager sends it again in the meantime."""
_LEAST_S = 60.0
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(3000, 1, 1, tzinfo=UTC)


class SurgeOrder(Model):
    """A surge that a machine asks for."""

    fleet: Name
    servers: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    """The size of the whole fleet while it lasts."""
    hours: Annotated[float, Field(gt=0, le=LONGEST_HOURS, strict=True)]
    reason: Annotated[Reason, ONE_LINE]
    """One line: a database of Prefect's refuses the character 0, and logs are lines."""
    regions: Annotated[tuple[CloudName, ...], Field(max_length=50)] = ()
    """Filled first, in this order; empty: as the estate says."""

    def request_of(self, estate: Estate, *, key: str, owner: str) -> SurgeRequest:
        """What it asks of the estate's fleet.

        Raises:
            GuardRefused: a field is wrong, or the fleet has no surges.
            Misconfigured: the estate has no such fleet.
        """
        given: dict[str, object] = self.model_dump(exclude={"fleet"})
        return surge_request(estate.fleet(self.fleet), {**given, "key": key, "owner": owner})


class Surge(Model):
    """A surge as the caller sees it."""

    key: str
    fleet: str
    state: Literal["accepted", "waits for approval", "running", "completed", "failed"]
    message: str = ""
    """What Prefect says of the run, e.g. `settled`, or why it failed."""
    run: str
    """Id of the flow run."""


class Mistake(Model):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(Model):
    """Why a request was refused."""

    status: int
    title: str
    mistakes: tuple[Mistake, ...] = ()


class _Foreign(BaseModel):
    """A part of Alertmanager's message: fields of later versions are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Alert(_Foreign):
    """One alert of Alertmanager's message."""

    status: Literal["firing", "resolved"]
    labels: Annotated[dict[str, str], Field(max_length=200)]
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    startsAt: Annotated[Moment, Field(ge=_EARLIEST, lt=_LATEST)]  # noqa: N815 - Alertmanager's name
    """When it began to fire: the same alert another day is another surge."""

    @property
    def name(self) -> str:
        """The same for as long as it fires; and the key of its first surge."""
        return f"alert-{self.fingerprint}-{self.startsAt.astimezone(UTC):%Y%m%dt%H%M%S}"

    def key_at(self, now: datetime, *, hours: float) -> str:
        """The key of its surge of so many hours: the same however often it is sent meanwhile.

        One that fires until that surge is nearly over asks for the next, `-1`, and so on.
        """
        lasts_s = hours * 3600
        each_s = max(lasts_s - min(_OVERLAP_S, _OVERLAP_SHARE * lasts_s), _LEAST_S)
        number = int((now - self.startsAt).total_seconds() // each_s)
        after = f"-{number}" if number > 0 else ""
        return self.name[: _ALERT_KEY - len(after)] + after


class AlertMessage(_Foreign):
    """Alertmanager's webhook message, version 4."""

    version: Literal["4"]
    alerts: Annotated[tuple[Alert, ...], Field(max_length=1000)]


class RefusedAlert(Model):
    """An alert of a configured name that asked for a surge in vain."""

    key: str
    status: int
    """As a `Problem` of its own would have it."""
    why: str


class AlertAnswer(Model):
    """What became of the message's alerts."""

    surges: tuple[Surge, ...]
    refused: tuple[RefusedAlert, ...] = ()
    ignored: int
    """Resolved ones, and those of names that are not configured."""
