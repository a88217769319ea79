"""What the estate file says: clouds, fleets, windows, and where anything may stand."""

from collections.abc import Iterable
from typing import Annotated, Self, TypeVar

from pydantic import Field, HttpUrl, model_validator

from springtide.errors import GuardRefused, Misconfigured
from springtide.model.approval import ApprovalPolicy
from springtide.model.audit import AuditPolicy
from springtide.model.backup import BackupSource, Vault
from springtide.model.base import CloudName, EnvironmentVariable, Model
from springtide.model.core import Core
from springtide.model.cost_report import CostReporting
from springtide.model.database import DatabaseCluster
from springtide.model.estate_mistakes import estate_mistakes
from springtide.model.fleet import Fleet, RateLimit
from springtide.model.leftover import SweepPolicy
from springtide.model.mistakes import listed, refuse
from springtide.model.postgres import PostgresSource
from springtide.model.sources import Source
from springtide.model.window import Window

Item = TypeVar("Item", bound=Fleet | DatabaseCluster | Vault | BackupSource | PostgresSource)


class Notices(Model):
    """Where people are told."""

    webhook_env: EnvironmentVariable = "SPRINGTIDE_NOTICE_WEBHOOK"
    """Environment variable of the worker that holds the webhook's URL: the URL is a secret."""


class Rehearsal(Model):
    """Only for rehearsals on a sandbox."""

    clock_url: HttpUrl
    """Where the sandbox tells its time, e.g. `http://127.0.0.1:8774/admin/clock`."""

    @model_validator(mode="after")
    def _loopback(self) -> Self:
        if self.clock_url.host not in {"127.0.0.1", "localhost"}:
            raise ValueError("rehearsal.clock_url must be on 127.0.0.1: real fleets use real time")
        return self


class Estate(Model):
    """All that Springtide may know before it looks at the cloud."""

    cloud: CloudName
    """Name of the cloud in clouds.yaml, where its credentials are."""
    residency: Annotated[tuple[CloudName, ...], Field(min_length=1)]
    """The regions in which anything may stand; others are refused before any call."""
    fleets: Annotated[tuple[Fleet, ...], Field(min_length=1)]
    windows: tuple[Window, ...] = ()
    vaults: tuple[Vault, ...] = ()
    """Where backups are stored."""
    sources: tuple[Source, ...] = ()
    """What is backed up."""
    database_clusters: tuple[DatabaseCluster, ...] = ()
    """Clusters with state: they are changed under guard and never killed and created."""
    approvals: ApprovalPolicy | None = None
    """Whose signatures approve what goes beyond what is authorised; None: nothing can."""
    core: Core | None = None
    """The private cloud; None: there is none, or it is none of Springtide's business."""
    sweep: SweepPolicy = SweepPolicy()
    """When leftovers are removed."""
    audit: AuditPolicy | None = None
    """Where the audit log is kept beyond the worker's machine; None: nowhere."""
    cost_report: CostReporting | None = None
    """How costs are reported; None: they are not."""
    rate_limit: RateLimit = RateLimit()
    poll_interval_s: Annotated[float, Field(ge=0.2, le=60)] = 4.0
    """Pause between two looks at the cloud while something is under way, in seconds."""
    request_timeout_s: Annotated[float, Field(gt=0, le=300)] = 60.0
    """How long one call to the cloud may take, in seconds."""
    school_holidays_file: str | None = None
    """Path, relative to the estate file, of school holidays that complete or correct those that
    are built in."""
    notices: Notices = Notices()
    rehearsal: Rehearsal | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(self, estate_mistakes(self))
        return self

    def fleet(self, name: str) -> Fleet:
        """The fleet of that name.

        Raises:
            Misconfigured: the estate has no such fleet.
            GuardRefused: it is a database cluster.
        """
        if name in [cluster.name for cluster in self.database_clusters]:
            raise GuardRefused(
                f"fleet: {name} is a database cluster: it has state, nothing of it is killed"
            )
        return _named(self.fleets, name, field="fleet")

    def database_cluster(self, name: str) -> DatabaseCluster:
        """The database cluster of that name.

        Raises:
            Misconfigured: the estate has no such cluster.
            GuardRefused: it is a fleet.
        """
        if name in [fleet.name for fleet in self.fleets]:
            raise GuardRefused(
                f"cluster: {name} is a fleet: its servers are replaced, and not changed one by one"
            )
        return _named(self.database_clusters, name, field="cluster", what="database cluster")

    def windows_of(self, fleet: str) -> tuple[Window, ...]:
        """The windows of that fleet, in the file's order."""
        return tuple(window for window in self.windows if window.fleet == fleet)

    def private_cloud(self) -> Core:
        """The core.

        Raises:
            Misconfigured: the estate has none.
        """
        if self.core is None:
            raise Misconfigured("the estate names no private cloud", field="core")
        return self.core

    def cost_reporting(self) -> CostReporting:
        """How its costs are reported.

        Raises:
            Misconfigured: they are not.
        """
        if self.cost_report is None:
            raise Misconfigured("the estate reports no cost", field="cost_report")
        return self.cost_report

    def vault(self, name: str) -> Vault:
        """The vault of that name.

        Raises:
            Misconfigured: the estate has no such vault.
        """
        return _named(self.vaults, name, field="vault")

    def vault_of(self, source: Source, name: str = "") -> Vault:
        """The source's vault, or the copy of it of that name.

        Raises:
            Misconfigured: that vault is neither.
        """
        copies = [vault.name for vault in self.vaults if vault.copy_of == source.vault]
        if name and name not in (source.vault, *copies):
            raise Misconfigured(
                f"{source.name} is not backed up to {name}",
                field="vault",
                allowed=listed((source.vault, *copies)),
            )
        return self.vault(name or source.vault)

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            Misconfigured: the estate has no such source.
        """
        return _named(self.sources, name, field="source")

    def directories(self, name: str) -> BackupSource:
        """The directories that are backed up by that name.

        Raises:
            Misconfigured: the estate has no such source, or it is of another kind.
        """
        return self._source_of(BackupSource, name, f"{name} is no source of directories")

    def database(self, name: str) -> PostgresSource:
        """The PostgreSQL cluster of that name.

        Raises:
            Misconfigured: the estate has no such source, or it is of another kind.
        """
        return self._source_of(PostgresSource, name, f"{name} is no PostgreSQL cluster")

    def databases_in(self, vault: str) -> tuple[PostgresSource, ...]:
        """The PostgreSQL clusters that are backed up to that vault."""
        return tuple(
            source
            for source in self.sources
            if isinstance(source, PostgresSource) and source.vault == vault
        )

    def _source_of(self, kind: type[Item], name: str, trouble: str) -> Item:
        found = self.source(name)
        if not isinstance(found, kind):
            allowed = listed(each.name for each in self.sources if isinstance(each, kind))
            raise Misconfigured(trouble, field="source", allowed=allowed)
        return found


def _named(items: Iterable[Item], name: str, *, field: str, what: str = "") -> Item:
    """The item of that name; a refusal names the parameter, and what it asks for."""
    known = {item.name: item for item in items}
    if name not in known:
        raise Misconfigured(
            f"no {what or field} {name!r} in the estate", field=field, allowed=listed(known)
        )
    return known[name]
