"""The estate of a rehearsal: the real one's fleets and windows, at the sandbox's pace."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from springtide.estate import load_estate, read_yaml, school_holidays
from springtide.model.window import Evening
from springtide.planning.evening_window import next_evening
from springtide.planning.school_calendar import SchoolCalendar


def next_evening_of(estate_file: Path, after: datetime) -> Evening:
    """The next evening that the estate's windows know: the one to rehearse."""
    estate = load_estate(estate_file)
    calendar = SchoolCalendar(school_holidays(estate, estate_file))
    found = (next_evening(window, calendar, after=after) for window in estate.windows)
    evenings = [evening for evening in found if evening]
    if not evenings:
        raise RuntimeError(f"{estate_file} has no evening to rehearse")
    return min(evenings, key=lambda e: e.opens_at)


def write_rehearsal(estate_file: Path, to: Path, *, sandbox_url: str, server_port: int) -> Path:
    """Write the rehearsal's estate file: same fleets and windows, the sandbox's ports and pace.

    `server_port` is where the sandbox's servers answer. The files that the estate names are copied
    beside the new one.
    """
    estate: dict[str, Any] = read_yaml(estate_file)
    named = [fleet.get("user_data_file") for fleet in estate["fleets"]]
    named += [v for k, v in (estate.get("approvals") or {}).items() if k.endswith("_file")]
    reporting: dict[str, Any] = estate.get("cost_report") or {}
    named += reporting.get("price_books", [])
    for name in filter(None, [*named, estate.get("school_holidays_file")]):
        (to.parent / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(estate_file.parent / name, to.parent / name)
    estate["cloud"] = "sandbox"
    # What is backed up is on other machines than the rehearsal's. The private cloud is not
    # rehearsed; and a rehearsal proves nothing to anybody.
    estate |= {"vaults": [], "sources": [], "core": None, "audit": None, "database_clusters": []}
    # Usage and reports of a rehearsal stay beside its estate file.
    reporting |= {"usage_folder": str(to.parent / "usage"), "folder": str(to.parent / "reports")}
    reporting.pop("place", None)
    regions = [region["name"] for fleet in estate["fleets"] for region in fleet["regions"]]
    estate["residency"] = list(dict.fromkeys(regions))
    estate["rehearsal"] = {"clock_url": f"{sandbox_url}/admin/clock"}
    estate["poll_interval_s"] = 1.0
    for fleet in estate["fleets"]:
        fleet["health"] = {
            "path": "/health",
            "port": server_port,
            "timeout_s": 1.0,
            "in_flight_path": "/in-flight",
        }
        fleet["timeouts"] = {"boot_s": 60, "answer_s": 30, "drain_s": 15, "delete_s": 60}
        fleet["join_interval_s"] = 3
        fleet["key_pair"] = "springtide"
        for region in fleet["regions"]:
            region |= {"network": "vrack", "pool": "api"}
            region.pop("subnet", None)
    to.write_text(yaml.safe_dump(estate, sort_keys=False, allow_unicode=True), "utf-8")
    return to


def add_storage(estate_file: Path, to: Path, folder: Path) -> None:
    """Put the estate's directories and their vaults into a rehearsal's file, below the folder.

    Each source's path `/srv/documents` is `<folder>/srv/documents` there. Databases are on other
    machines than the rehearsal's.
    """
    estate: dict[str, Any] = read_yaml(estate_file)
    rehearsed: dict[str, Any] = read_yaml(to)
    estate["sources"] = [source for source in estate["sources"] if "paths" in source]
    # One machine has one identity: no second site, and nothing that waits for one.
    used = {source["vault"] for source in estate["sources"]}
    estate["vaults"] = [vault for vault in estate["vaults"] if vault["name"] in used]
    for vault in estate["vaults"]:
        vault["region"] = rehearsed["residency"][0]
        vault["password_file"] = f"{folder}{vault['password_file']}"
        vault.pop("passwords", None)  # one is enough for a rehearsal
    for source in estate["sources"]:
        source.pop("offload", None)
        source["paths"] = [f"{folder}{path}" for path in source["paths"]]
        source["excludes"] = [f"{folder}{pattern}" for pattern in source.get("excludes", ())]
        source["restore_folder"] = f"{folder}{source['restore_folder']}"
    rehearsed |= {"vaults": estate["vaults"], "sources": estate["sources"]}
    to.write_text(yaml.safe_dump(rehearsed, sort_keys=False, allow_unicode=True), "utf-8")
