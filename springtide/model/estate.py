"""What the estate file says: clouds, fleets, windows, and where anything may stand."""

from typing import Annotated, Self

from pydantic import Field, HttpUrl, model_validator

from springtide.errors import GuardRefused, Misconfigured
from springtide.model.approval import ApprovalPolicy
from springtide.model.audit import AuditPolicy
from springtide.model.backup import BackupSource, Vault
from springtide.model.base import CloudName, EnvironmentVariable, Model
from springtide.model.core import Core
from springtide.model.cost_report import CostReporting
from springtide.model.database import DatabaseCluster
from springtide.model.fleet import Fleet, RateLimit
from springtide.model.leftover import SweepPolicy
from springtide.model.postgres import PostgresSource
from springtide.model.second_site import copy_mistakes
from springtide.model.sources import Source
from springtide.model.window import Window


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
        names = [fleet.name for fleet in self.fleets]
        if len(set(names)) < len(names):
            raise ValueError(f"fleets: each name stands once; given {', '.join(names)}")
        for fleet in self.fleets:
            self._check_residency(fleet)
        windows = [window.name for window in self.windows]
        if len(set(windows)) < len(windows):
            # A claim's key is made of the window's name.
            raise ValueError(f"windows: each name stands once; given {', '.join(windows)}")
        for window in self.windows:
            self._check_window(window)
        self._check_vaults()
        self._check_audit()
        self._check_cost_report()
        self._check_clusters()
        return self

    def _check_audit(self) -> None:
        sites = {"site": self.audit.site, "second": self.audit.second} if self.audit else {}
        for field, site in sites.items():
            if site is not None and site.region not in self.residency:
                raise ValueError(
                    f"audit.{field}: region {site.region} is not in residency"
                    f" (allowed: {', '.join(self.residency)})"
                )

    def _check_clusters(self) -> None:
        names = [fleet.name for fleet in self.fleets]
        names += [cluster.name for cluster in self.database_clusters]
        if len(set(names)) < len(names):
            raise ValueError("database_clusters: each name stands once, and is no fleet's")
        sources = [source.name for source in self.sources]
        changed = self.core.virtual_machines if self.core else ()
        for cluster in self.database_clusters:
            if cluster.backup_source not in (None, *sources):
                raise ValueError(
                    f"database cluster {cluster.name}: no source {cluster.backup_source}"
                    f" (allowed: {', '.join(sources) or 'none is there'})"
                )
            for machine in cluster.virtual_machines:
                if machine in changed:
                    raise ValueError(
                        f"core: virtual_machines: {machine} is a member of the database cluster"
                        f" {cluster.name}, which has flows of its own"
                    )

    def _check_cost_report(self) -> None:
        place = self.cost_report.place if self.cost_report else None
        if place is not None and place.region not in self.residency:
            raise ValueError(
                f"cost_report.place: region {place.region} is not in residency"
                f" (allowed: {', '.join(self.residency)})"
            )

    def _check_vaults(self) -> None:
        for field in ("vaults", "sources"):
            given = [each.name for each in getattr(self, field)]
            if len(set(given)) < len(given):
                raise ValueError(f"{field}: each name stands once; given {', '.join(given)}")
        places = [vault.place for vault in self.vaults]
        if len(set(places)) < len(places):
            raise ValueError("vaults: each has a container or a prefix of its own")
        for vault in self.vaults:
            if vault.region not in self.residency:
                raise ValueError(
                    f"vault {vault.name}: region {vault.region} is not in residency"
                    f" (allowed: {', '.join(self.residency)})"
                )
        for mistake in copy_mistakes(self.vaults, self.cloud):
            raise ValueError(mistake)
        # Nobody but who pulls the copies writes to a second site.
        known = [vault.name for vault in self.vaults if vault.copy_of is None]
        for source in self.sources:
            if source.vault not in known:
                raise ValueError(
                    f"source {source.name}: no vault {source.vault}"
                    f" (allowed: {', '.join(known) or 'none is there'})"
                )

    def _check_residency(self, fleet: Fleet) -> None:
        for region in fleet.regions:
            if region.name not in self.residency:
                raise ValueError(
                    f"fleet {fleet.name}: region {region.name} is not in residency"
                    f" (allowed: {', '.join(self.residency)})"
                )

    def _check_window(self, window: Window) -> None:
        fleet = next((f for f in self.fleets if f.name == window.fleet), None)
        if fleet is None:
            known = ", ".join(f.name for f in self.fleets)
            raise ValueError(f"window {window.name}: no fleet {window.fleet} (allowed: {known})")
        if window.servers > fleet.max_servers:
            raise ValueError(
                f"window {window.name}: servers {window.servers} is above max_servers"
                f" {fleet.max_servers} of fleet {fleet.name}"
            )

    def fleet(self, name: str) -> Fleet:
        """The fleet of that name.

        Raises:
            Misconfigured: the estate has no such fleet.
            GuardRefused: it is a database cluster.
        """
        for fleet in self.fleets:
            if fleet.name == name:
                return fleet
        if name in [cluster.name for cluster in self.database_clusters]:
            raise GuardRefused(
                f"fleet: {name} is a database cluster: it has state, nothing of it is killed"
            )
        known = ", ".join(fleet.name for fleet in self.fleets)
        raise Misconfigured(f"no fleet {name!r} in the estate", field="fleet", allowed=known)

    def database_cluster(self, name: str) -> DatabaseCluster:
        """The database cluster of that name.

        Raises:
            Misconfigured: the estate has no such cluster.
            GuardRefused: it is a fleet.
        """
        for cluster in self.database_clusters:
            if cluster.name == name:
                return cluster
        if name in [fleet.name for fleet in self.fleets]:
            raise GuardRefused(
                f"cluster: {name} is a fleet: its servers are replaced, and not changed one by one"
            )
        known = ", ".join(cluster.name for cluster in self.database_clusters) or "none is there"
        raise Misconfigured(
            f"no database cluster {name!r} in the estate", field="cluster", allowed=known
        )

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
        for vault in self.vaults:
            if vault.name == name:
                return vault
        known = ", ".join(vault.name for vault in self.vaults) or "none is there"
        raise Misconfigured(f"no vault {name!r} in the estate", field="vault", allowed=known)

    def vault_of(self, source: Source, name: str = "") -> Vault:
        """The source's vault, or the copy of it of that name.

        Raises:
            Misconfigured: that vault is neither.
        """
        copies = [vault.name for vault in self.vaults if vault.copy_of == source.vault]
        if name and name not in (source.vault, *copies):
            allowed = ", ".join((source.vault, *copies))
            raise Misconfigured(
                f"{source.name} is not backed up to {name}", field="vault", allowed=allowed
            )
        return self.vault(name or source.vault)

    def directories(self, name: str) -> BackupSource:
        """The directories that are backed up by that name.

        Raises:
            Misconfigured: the estate has no such source, or it is of another kind.
        """
        found = self.source(name)
        if not isinstance(found, BackupSource):
            known = ", ".join(s.name for s in self.sources if isinstance(s, BackupSource))
            raise Misconfigured(
                f"{name} is no source of directories",
                field="source",
                allowed=known or "none is there",
            )
        return found

    def database(self, name: str) -> PostgresSource:
        """The PostgreSQL cluster of that name.

        Raises:
            Misconfigured: the estate has no such source, or it is of another kind.
        """
        found = self.source(name)
        if not isinstance(found, PostgresSource):
            known = ", ".join(s.name for s in self.sources if isinstance(s, PostgresSource))
            raise Misconfigured(
                f"{name} is no PostgreSQL cluster", field="source", allowed=known or "none is there"
            )
        return found

    def databases_in(self, vault: str) -> tuple[PostgresSource, ...]:
        """The PostgreSQL clusters that are backed up to that vault."""
        return tuple(
            source
            for source in self.sources
            if isinstance(source, PostgresSource) and source.vault == vault
        )

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            Misconfigured: the estate has no such source.
        """
        for source in self.sources:
            if source.name == name:
                return source
        known = ", ".join(source.name for source in self.sources) or "none is there"
        raise Misconfigured(f"no source {name!r} in the estate", field="source", allowed=known)
