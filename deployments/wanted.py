"""Which deployments of `prefect.yaml` an estate has work for.

A deployment whose parameters name a fleet, a source or a vault is about that one alone, any other
about all that the estate has. It is left out where nothing of them is what its tags stand for: its
schedules would find nothing, or be refused, at each tick, and people would be told each time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from springtide.model.backup import BackupSource
from springtide.model.claim import EVERY_FLEET
from springtide.model.estate import Estate
from springtide.model.postgres import PostgresSource

FILE = Path(__file__).with_name("prefect.yaml")
_NAMED = {"fleet": "fleets", "source": "sources", "vault": "vaults"}
"""By parameter: the field of the estate in which what it names has to stand."""
Need = tuple[Callable[[Estate], object], str]
"""What there must be of what a deployment is about, and what the estate has where there is none."""
_CORE: Need = (lambda of: of.core, "no `core`")
_DIRECTORIES: Need = (
    lambda of: [source for source in of.sources if isinstance(source, BackupSource)],
    "no directories as a source",
)
_SOURCES: Need = (lambda of: of.sources, "no sources")
_NEEDS: dict[str, Need] = {
    "traffic": (lambda of: [f for f in of.fleets if f.traffic], "no fleet with `traffic`"),
    "object_storage_backup": _SOURCES,
    "storage_restore": _SOURCES,
    "wal_archive": (
        lambda of: [s for s in of.sources if isinstance(s, PostgresSource)],
        "no PostgreSQL cluster as a source",
    ),
    # Without a policy of offloading too: what was offloaded under an earlier one is to come back.
    "document_offload": _DIRECTORIES,
    "document_erasure": _DIRECTORIES,
    "second_site": (lambda of: [v for v in of.vaults if v.copy_of], "no vault with `copy_of`"),
    "core_watch": (lambda of: of.core or of.database_clusters, "no `core`, no database cluster"),
    "datastore_extension": _CORE,
    "virtual_machine_change": _CORE,
    "database_change": (lambda of: of.database_clusters, "no database cluster"),
    "audit_log": (lambda of: of.audit, "no `audit`"),
    "audit_second_site": (lambda of: of.audit and of.audit.second, "no `audit.second`"),
    "cost_report": (lambda of: of.cost_report, "no `cost_report`"),
}
"""By tag."""


def wanted_deployments(estate: Estate) -> dict[str, Any]:
    """What `prefect.yaml` says, without the deployments that the estate has no work for."""
    said = _said()
    kept = [each for each in said["deployments"] if estate_limitation(each, estate) is None]
    return said | {"deployments": kept}


def all_tags() -> tuple[str, ...]:
    """Every tag in `prefect.yaml`: what the estate has no work for any more may run still."""
    return tuple(sorted({tag for each in _said()["deployments"] for tag in each["tags"]}))


def left_out(estate: Estate) -> dict[str, list[str]]:
    """The others' titles, by what the estate has instead of work for them."""
    found: dict[str, list[str]] = {}
    for each in _said()["deployments"]:
        if (lacking := estate_limitation(each, estate)) is not None:
            found.setdefault(lacking, []).append(title(each["entrypoint"], each["name"]))
    return found


def estate_limitation(deployment: dict[str, Any], estate: Estate) -> str | None:
    """Why the estate has no work for the deployment, e.g. `no sources`; None: it has."""
    of = estate
    for parameter, name in deployment.get("parameters", {}).items():
        if parameter in _NAMED and name not in (None, "", EVERY_FLEET):
            field = _NAMED[parameter]
            named = tuple(each for each in getattr(estate, field) if each.name == name)
            if not named:
                return f"no {parameter} {name}"
            of = of.model_copy(update={field: named})
    needs = (_NEEDS[tag] for tag in deployment["tags"] if tag in _NEEDS)
    return next((lacking for there_is, lacking in needs if not there_is(of)), None)


def title(entrypoint: str, name: str) -> str:
    """How a line for people calls a deployment: by its function and its own name."""
    return f"{entrypoint.rpartition(':')[2]}/{name}"


def _said() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return said
