"""What a stack stands on: a sandbox that it starts for itself, or a cloud that is there."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import yaml

from deployments.deploy import ROOT
from deployments.processes import Processes
from deployments.rehearsal import add_storage, next_evening_of, write_rehearsal
from springtide.errors import Misconfigured
from springtide.estate import load_estate
from springtide.sandbox.sockets import free_port

CLOCK_PATH = "/admin/clock"
_START_S = 120.0


@dataclass(frozen=True)
class Ground:
    """A cloud that answers, and how to reach it."""

    estate: Path
    """The estate file: fleets, windows, and the name of the cloud."""
    clouds_yaml: Path
    control_url: str
    """Its clock, counted calls and faults are below this URL's `/admin`."""
    front_url: str | None = None
    """The customers' entry; None where there is none."""


class Cloud(Protocol):
    """What makes a cloud ready for a stack."""

    def ready(self, folder: Path, processes: Processes) -> Ground:
        """The cloud, answering; what it starts for that is the stack's to end.

        Raises:
            RuntimeError: it did not start.
        """
        ...


@dataclass(frozen=True)
class SandboxCloud:
    """A sandbox in a process of the stack's own, with the rehearsal of an estate."""

    estate: Path
    """Whose fleets and windows are rehearsed."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """What the sandbox's configuration says beside its defaults."""
    storage: Path | None = None
    """With it there is an object store, and what the estate backs up stands below this folder."""

    def ready(self, folder: Path, processes: Processes) -> Ground:
        """A sandbox whose clock shows the first minute of the next evening.

        Raises:
            RuntimeError: it did not start.
        """
        told, config = folder / "sandbox.json", folder / "sandbox.yaml"
        ground_files = folder / "estate.yaml", folder / "clouds.yaml"
        told.unlink(missing_ok=True)
        evening, server_port = next_evening_of(self.estate, datetime.now(UTC)), free_port()
        settings = {
            "starts_at": evening.opens_at.isoformat(),
            "server_port": server_port,
            "object_store": self.storage is not None,
            **self.settings,
        }
        config.write_text(yaml.safe_dump(settings), "utf-8")
        command = [sys.executable, "-m", "springtide.cli", "sandbox", "--config", str(config)]
        command += ["--clouds-yaml", str(ground_files[1]), "--ready-file", str(told)]
        processes.start("sandbox", command, os.environ, ROOT)
        processes.wait_until("sandbox", told.exists, _START_S)
        found = json.loads(told.read_text("utf-8"))
        write_rehearsal(
            self.estate, ground_files[0], sandbox_url=found["url"], server_port=server_port
        )
        if self.storage is not None:
            add_storage(self.estate, ground_files[0], self.storage)
        return Ground(*ground_files, control_url=found["url"], front_url=found["front_url"])


@dataclass(frozen=True)
class GivenCloud:
    """A cloud that is there already, such as a test bed: nothing of it is started or ended."""

    estate: Path
    clouds_yaml: Path

    def ready(self, folder: Path, processes: Processes) -> Ground:  # noqa: ARG002 - another's need
        """The cloud as its estate describes it.

        Raises:
            Misconfigured: the estate is wrong, or no rehearsal: a stack is none to run a real
                fleet on.
        """
        rehearsal = load_estate(self.estate).rehearsal
        if rehearsal is None:
            raise Misconfigured(
                f"{self.estate}: a stack on loopback is for rehearsals alone",
                field="rehearsal",
                allowed="a clock_url on 127.0.0.1",
            )
        control_url = str(rehearsal.clock_url).removesuffix(CLOCK_PATH)
        return Ground(self.estate.resolve(), self.clouds_yaml.resolve(), control_url)
