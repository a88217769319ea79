"""The audit log: lines chained to one another within a run, and signed seals over the runs.

A line names the line before it by its SHA-256, so that none can be changed, removed or moved
without breaking the chain after it. A chain's end can still be cut off: so each worker now and then
signs a seal that says how many lines each run has by then, and which its last one is. Seals are
chained, too, so that a run that is gone as a whole is missed.
"""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from springtide.model.base import CloudName, Model, Moment
from springtide.model.object_storage import ContainerName, NamePrefix, StorePlace

SEAL_NAMESPACE = "audit@springtide"
"""Of the signatures over seals: one made for anything else seals nothing."""

RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
WorkerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def digest_of(data: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def beginning_of(name: str) -> str:
    """What the first line of a run, or the first seal of a worker, names as the one before it."""
    return digest_of(f"springtide audit {name}".encode())


class AuditLine(Model):
    """One change to a cloud, before it (intent) or after it (outcome). No secrets, no user data."""

    run: RunId
    """The flow run's id, a dot and its worker's name; or the name of a run of the command line."""
    number: Annotated[int, Field(ge=1)]
    """Counted within the run."""
    previous: Digest
    """SHA-256 of the run's line before, without its line end."""
    time: Moment
    who: str
    """The flow or the person that asked for it."""
    approved_by: tuple[str, ...] = ()
    act: Annotated[int, Field(ge=1)]
    """Intent and outcome of one act bear the same number."""
    step: Literal["intent", "outcome"]
    region: str
    service: str
    method: str
    path: str
    why: str
    values: dict[str, tuple[JsonValue, JsonValue]] = Field(default_factory=dict)
    """What changes: field → from, to."""
    result: str | None = None
    request_id: str | None = None
    """The cloud's own name for the request."""
    seconds: float | None = None

    def raw(self) -> bytes:
        """As it is stored: JSON with sorted keys, and no line end."""
        return _json(self)


class RunSeal(Model):
    """How long a run's chain was when it was sealed, and its last line's digest."""

    run: RunId
    lines: Annotated[int, Field(ge=1)]
    head: Digest


class Seal(Model):
    """What a worker signs: the runs that have grown since its seal before; none: that it lives."""

    worker: WorkerName
    number: Annotated[int, Field(ge=1)]
    previous: Digest
    """SHA-256 of the worker's seal before, as it was signed."""
    at: Moment
    runs: tuple[RunSeal, ...]

    def raw(self) -> bytes:
        """As it is signed: JSON with sorted keys, and no line end."""
        return _json(self)


class SignedSeal(Model):
    """A seal as it is stored. `seal` is the very text that was signed."""

    seal: str
    signature: str


class AuditSite(Model):
    """Object storage that holds the audit log."""

    cloud: CloudName | None = None
    """Name of the cloud in clouds.yaml; None: the estate's own."""
    region: CloudName
    """One of the residency's."""
    container: ContainerName
    prefix: NamePrefix = ""

    @property
    def place(self) -> StorePlace:
        """Where its store stands."""
        return StorePlace(region=self.region, container=self.container, prefix=self.prefix)


class AuditPolicy(Model):
    """Where the audit log is kept, and whose seals count."""

    site: AuditSite
    second: AuditSite | None = None
    """A copy in another region, by a credential that the first site's writers do not have."""
    key_file: Annotated[str, Field(pattern=r"^/.+")]
    """On the worker's machine: its private SSH key without a passphrase, readable for it alone."""
    allowed_signers_file: Annotated[str, Field(min_length=1)]
    """Path, relative to the estate file, of the workers' public keys in OpenSSH's `allowed_signers`
    format; each key's name is the worker's."""
    revoked_keys_file: str | None = None
    """Path, relative to the estate file, of keys whose seals count no more."""
    keep_local_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long the worker keeps a sealed run's lines after the last one, in days."""
    retired_workers: tuple[WorkerName, ...] = ()
    """Workers that are gone for good: no new seals of theirs are waited for, the old ones count."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.second is not None and self.second.region == self.site.region:
            raise ValueError(f"second: another region than {self.site.region} is wanted")
        return self


class Doubt(StrEnum):
    """What can be wrong with an audit log."""

    CHANGED = "changed"
    """A line does not follow from the one before it, or a seal; or is none that is known here."""
    MISSING = "missing"
    """Lines, a whole run, or a seal that others name."""
    CUT = "cut"
    """A chain is shorter than a seal says."""
    CONFLICT = "conflict"
    """Two objects tell the same line differently."""
    AHEAD = "ahead"
    """A line of a time that has not come: forged, or its worker's clock is wrong."""
    UNSIGNED = "unsigned"
    """A seal without a signature that counts."""
    UNSEALED = "unsealed"
    """Lines that no seal covers, older than the archive's patience; a worker without new seals."""
    UNFINISHED = "unfinished"
    """An intent without its outcome: whether it was done, the cloud itself has to show."""


class Finding(Model):
    """One thing that is wrong, and where."""

    doubt: Doubt
    subject: str
    """`run ID` or `worker NAME`."""
    detail: str


class AuditVerdict(Model):
    """What a verification saw."""

    site: str
    seals: int
    runs: int
    lines: int
    findings: tuple[Finding, ...]


def broken_at(lines: Sequence[bytes], run: str) -> int | None:
    """Which line of a run, counted from 1, is not what the chain asks for there; None: all are."""
    previous = beginning_of(run)
    for position, line in enumerate(lines, start=1):
        try:
            said = json.loads(line)
            told = (said["run"], said["number"], said["previous"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return position
        if told != (run, position, previous):
            return position
        previous = digest_of(line)
    return None


def _json(model: Model) -> bytes:
    return json.dumps(model.model_dump(mode="json", exclude_none=True), sort_keys=True).encode()
