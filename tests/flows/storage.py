"""What the tests of storage flows share: an estate with a vault and a source, and runs of flows."""

import asyncio
import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow, State

from springtide.estate import load_estate
from springtide.model.approval import Approval, Proposal, Signer
from springtide.model.backup import VaultExpiry
from springtide.model.vault_keys import KeyRole
from springtide.stores.vaults import opened_vault
from springtide.vault.repository import Repository
from tasks.cloud import read_estate
from tests.prefect_servers import newest_artifact

_LEAST_PAUSE_S = 3.0
SECRET = "pupil-1234"  # noqa: S105 - stands in names and contents, and must show up nowhere


@dataclass(frozen=True)
class Storage:
    """An estate with the vault `documents` over a real Swift, and a source of files."""

    estate_file: Path
    source: Path
    restores: Path

    def run(self, flow: Flow[Any, Any], **parameters: Any) -> State[Any]:  # noqa: ANN401 - a form's
        """The state in which the flow ends."""
        state: State[Any] = asyncio.run(flow(**parameters, return_state=True))
        return state

    def artifact(self, key: str) -> str:
        """The newest artifact of that key, as the UI gets it."""
        found = newest_artifact(key)
        return json.dumps([found.data, found.description], ensure_ascii=False) if found else ""

    def opened(self) -> Any:  # noqa: ANN401 - a context
        """The vault's repository."""
        estate = load_estate(self.estate_file)
        return opened_vault(estate, estate.vault("documents"))

    def checked_by_restic(self) -> str:
        """What restic says after it has read all data of the vault."""
        vault = load_estate(self.estate_file).vault("documents")
        with self.opened() as repository:
            store: Any = repository.store
            environment = {
                "PATH": os.environ["PATH"],
                "OS_STORAGE_URL": store.access().url,
                "OS_AUTH_TOKEN": store.access().token,
                "RESTIC_PASSWORD_FILE": str(vault.password_file_of(KeyRole.RESTORE)),
                "RESTIC_REPOSITORY": f"swift:{store.place.container}:/{store.place.prefix}",
            }
        done = subprocess.run(
            ["restic", "--no-cache", "check", "--read-data"],  # noqa: S607 - of PATH
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def change(self, part: str, **changes: object) -> None:
        """Have the estate's one vault (`vaults`) or source (`sources`) say something else."""
        estate = yaml.safe_load(self.estate_file.read_text("utf-8"))
        estate[part][0] |= changes
        self.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
        read_estate.cache_clear()


def write_storage_estate(folder: Path, template: Path) -> Path:
    """An estate with one vault and one source below the folder."""
    estate = yaml.safe_load(template.read_text("utf-8"))
    estate["cloud"] = "sandbox"
    # Files beside the template, which nothing here needs.
    for named in ("school_holidays_file", "approvals"):
        estate.pop(named, None)
    estate["fleets"][0].pop("user_data_file", None)
    for part in ("approvals", "audit", "cost_report", "database_clusters"):
        estate.pop(part, None)
    estate["vaults"] = [
        {
            "name": "documents",
            "region": "GRA11",
            "container": "backup-documents",
            "password_file": str(folder / "documents.password"),
        }
    ]
    estate["sources"] = [
        {
            "name": "documents",
            "vault": "documents",
            "paths": [str(folder / "documents")],
            "restore_folder": str(folder / "restores"),
        }
    ]
    path = folder / "estate.yaml"
    path.write_text(yaml.safe_dump(estate), "utf-8")
    return path


def two_have_signed(proposal: Proposal) -> Approval:
    """An approval of just that by two people's keys."""
    assert 2 == proposal.signatures
    people = (Signer(name=f"{n}@example.org", key=f"SHA256:{n * 43}") for n in "ab")
    return Approval(
        digest=proposal.digest,
        until=datetime.now(UTC) + timedelta(hours=1),
        statement="the line",
        signatures=("one", "two"),
        signers=tuple(people),
    )


def wait_until_due(expired: VaultExpiry) -> None:
    """Return when prune has more to do, as its last run told: before that a run does nothing."""
    due = expired.again_at
    left_s = (due - datetime.now(UTC)).total_seconds() if due else 0.0
    time.sleep(max(left_s, _LEAST_PAUSE_S))


def packs_of(repository: Repository) -> list[str]:
    """The object names of all packs."""
    return [found.name for found in repository.store.listing("data/")]
