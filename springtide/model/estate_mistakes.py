"""What is wrong with an estate whose sections are right, each by itself.

As an operator reads it: a name stands once; whoever is named is there; nothing stands outside the
residency. Every mistake is named, not the first alone: two regions abroad are two lines.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from springtide.model.mistakes import listed
from springtide.model.second_site import copy_mistakes

if TYPE_CHECKING:
    from springtide.model.audit import AuditSite
    from springtide.model.estate import Estate
    from springtide.model.object_storage import StorePlace


def estate_mistakes(estate: "Estate") -> Iterator[str]:
    """A line for each mistake: the field, the value, and what is allowed."""
    yield from _of_fleets(estate)
    yield from _of_windows(estate)
    yield from _of_vaults(estate)
    yield from _of_sources(estate)
    yield from _of_sites(estate)
    yield from _of_clusters(estate)


def _of_fleets(estate: "Estate") -> Iterator[str]:
    yield from _once("fleets", (fleet.name for fleet in estate.fleets))
    for fleet in estate.fleets:
        for region in fleet.regions:
            yield from _outside(f"fleet {fleet.name}", region.name, estate.residency)


def _of_windows(estate: "Estate") -> Iterator[str]:
    # A claim's key is made of the window's name.
    yield from _once("windows", (window.name for window in estate.windows))
    fleets = {fleet.name: fleet for fleet in estate.fleets}
    for window in estate.windows:
        fleet = fleets.get(window.fleet)
        if fleet is None:
            yield f"window {window.name}: no fleet {window.fleet} (allowed: {listed(fleets)})"
        elif window.servers > fleet.max_servers:
            yield (
                f"window {window.name}: servers {window.servers} is above max_servers"
                f" {fleet.max_servers} of fleet {fleet.name}"
            )


def _of_vaults(estate: "Estate") -> Iterator[str]:
    yield from _once("vaults", (vault.name for vault in estate.vaults))
    places = [vault.place for vault in estate.vaults]
    if len(set(places)) < len(places):
        yield "vaults: each has a container or a prefix of its own"
    for vault in estate.vaults:
        yield from _outside(f"vault {vault.name}", vault.region, estate.residency)
    yield from copy_mistakes(estate.vaults, estate.cloud)


def _of_sources(estate: "Estate") -> Iterator[str]:
    yield from _once("sources", (source.name for source in estate.sources))
    # Nobody but who pulls the copies writes to a second site.
    known = [vault.name for vault in estate.vaults if vault.copy_of is None]
    for source in estate.sources:
        if source.vault not in known:
            yield f"source {source.name}: no vault {source.vault} (allowed: {listed(known)})"


def _of_sites(estate: "Estate") -> Iterator[str]:
    audit, report = estate.audit, estate.cost_report
    sites: dict[str, AuditSite | StorePlace | None] = {
        "audit.site": audit.site if audit else None,
        "audit.second": audit.second if audit else None,
        "cost_report.place": report.place if report else None,
    }
    for field, site in sites.items():
        if site is not None:
            yield from _outside(field, site.region, estate.residency)


def _of_clusters(estate: "Estate") -> Iterator[str]:
    yield from _once("database_clusters", (cluster.name for cluster in estate.database_clusters))
    fleets = [fleet.name for fleet in estate.fleets]
    sources = [source.name for source in estate.sources]
    changed = estate.core.virtual_machines if estate.core else ()
    for cluster in estate.database_clusters:
        if cluster.name in fleets:
            yield (
                f"database_clusters: each name stands once, and is no fleet's; given {cluster.name}"
            )
        if cluster.backup_source not in (None, *sources):
            yield (
                f"database cluster {cluster.name}: no source {cluster.backup_source}"
                f" (allowed: {listed(sources)})"
            )
        for machine in cluster.virtual_machines:
            if machine in changed:
                yield (
                    f"core: virtual_machines: {machine} is a member of the database cluster"
                    f" {cluster.name}, which has flows of its own"
                )


def _once(field: str, names: Iterable[str]) -> Iterator[str]:
    given = tuple(names)
    if len(set(given)) < len(given):
        yield f"{field}: each name stands once; given {', '.join(given)}"


def _outside(where: str, region: str, residency: tuple[str, ...]) -> Iterator[str]:
    if region not in residency:
        yield f"{where}: region {region} is not in residency (allowed: {', '.join(residency)})"
