"""The access to one OpenStack cloud: its credentials, one token, and its regions."""

import threading
from pathlib import Path
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session

from springtide.clouds.audit import AuditLog
from springtide.clouds.call_counts import CallCounts
from springtide.clouds.limiter import Limiters
from springtide.clouds.openstack.credential import inspect_credential
from springtide.clouds.openstack.region import VOLUME, RegionCloud
from springtide.clouds.openstack.service import Service
from springtide.clouds.openstack.session import open_cloud
from springtide.errors import GuardRefused, Misconfigured
from springtide.model.estate import Estate
from springtide.model.readiness import CredentialReport

_KINDS = ("compute", "image", "network", "load-balancer")
_VOLUME_KINDS = ("volumev3", "block-storage")
"""What clouds call their volumes; a cloud may have none."""
_MICROVERSION = "2.79"
"""Tags at creation (2.52), flavour in the listing by name (2.47), and old enough for clouds of
2019; later ones bring nothing that is used here."""


class CloudAccess:
    """One process's access: a token is fetched once and shared by all regions and threads."""

    def __init__(self, estate: Estate, session: Session, interface: str, audit: AuditLog) -> None:
        """Prefer `open`: it finds the credentials."""
        self._estate = estate
        self._session = session
        self._interface = interface
        self._audit = audit
        self._limiters = Limiters(estate.rate_limit)
        self._regions: dict[str, RegionCloud] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls, estate: Estate, audit: AuditLog, *, clouds_yaml: Path | None = None
    ) -> "CloudAccess":
        """The access to the estate's cloud, by its entry in clouds.yaml; fetches the token.

        With `clouds_yaml` that file alone is read, and nothing of the environment.

        Raises:
            Misconfigured: there is no such entry, or Keystone refuses the credentials.
            Retryable: Keystone does not answer.
        """
        region = open_cloud(
            estate.cloud,
            estate.residency[0],
            timeout_s=estate.request_timeout_s,
            clouds_yaml=clouds_yaml,
        )
        session: Session = region.get_session()
        return cls(estate, session, region.get_interface() or "public", audit)

    @property
    def calls(self) -> CallCounts:
        """What this process has called, tokens apart."""
        return self._limiters.counts

    def region(self, name: str) -> RegionCloud:
        """The cloud of that region.

        Raises:
            GuardRefused: it is outside the estate's residency; no call was made.
            Misconfigured: the cloud's catalogue has no such region.
        """
        self.require_resident(name)
        with self._lock:
            if name not in self._regions:
                self._regions[name] = RegionCloud(name, self._services(name))
            return self._regions[name]

    def require_resident(self, name: str) -> None:
        """Nothing is called.

        Raises:
            GuardRefused: the region is outside the estate's residency.
        """
        if name not in self._estate.residency:
            allowed = ", ".join(self._estate.residency)
            raise GuardRefused(f"region {name} is outside the residency (allowed: {allowed})")

    def elastic_regions(self) -> tuple[str, ...]:
        """The regions of the residency in which servers can stand, in the estate's order.

        Raises:
            Retryable: Keystone does not answer.
        """
        known = [set(self._catalogued(kind)) for kind in _KINDS]
        everywhere = set.intersection(*known)
        return tuple(name for name in self._estate.residency if name in everywhere)

    def inspect_credential(self) -> CredentialReport:
        """Whether the credentials still work, and until when; nothing is raised."""
        return inspect_credential(self._session)

    def _services(self, region: str) -> dict[str, Service]:
        services = {}
        for kind in _KINDS:
            known = self._catalogued(kind)
            if region not in known:
                raise Misconfigured(
                    f"the cloud's catalogue has no {kind} in region {region}",
                    field="residency",
                    allowed=", ".join(known) or "the catalogue has it nowhere",
                )
            services[kind] = self._service(kind, region)
        for kind in _VOLUME_KINDS:
            if region in self._catalogued(kind):
                services[VOLUME] = self._service(kind, region)
        return services

    def _service(self, kind: str, region: str) -> Service:
        adapter = Adapter(
            session=self._session,
            service_type=kind,
            interface=self._interface,
            region_name=region,
            default_microversion=_MICROVERSION if kind == "compute" else None,
        )
        return Service(adapter, kind, region, limiters=self._limiters, audit=self._audit)

    def _catalogued(self, kind: str) -> list[str]:
        auth: Any = self._session.auth
        access = auth.get_access(self._session)
        found = access.service_catalog.get_endpoints(service_type=kind).get(kind, [])
        return sorted({endpoint["region_id"] for endpoint in found})
