"""Where everything is measured: a sandbox in a process of its own, and an estate file on it."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import httpx
import yaml

from springtide.model.base import Model
from springtide.sandbox.config import BootTime, SandboxConfig, SandboxRegion
from springtide.sandbox.sockets import free_port
from springtide.sandbox.world import CallKey

ROOT = Path(__file__).resolve().parents[2]
ESTATE = ROOT / "deployments" / "estate.yaml"
REGIONS = ("GRA11", "SBG5", "RBX1", "GRA9", "SBG7")
PROVIDERS_LIMIT = 20.0
"""Requests a second to each service of each region, beyond which the sandbox answers 429."""
AT_ONCE = BootTime(least_s=0, most_s=0, answer_s=0)
MINUTES = BootTime(least_s=60, most_s=180, answer_s=2)
_START_S = 60.0
_STOP_S = 20.0
_networks = itertools.count(61)


class Terms(Model):
    """What a measurement is made under."""

    servers: int
    regions: int = 3
    boot: BootTime = AT_ONCE
    proven: bool = True
    """Whether the image has served in each region before, so that no canary goes ahead."""
    pool_kind: str = "exclusive"
    wave_servers: int = 16
    poll_interval_s: float = 4.0
    """As the estate file has it."""

    def __str__(self) -> str:
        """For a table's row."""
        booting = "0" if self.boot.most_s == 0 else f"{self.boot.least_s:g}-{self.boot.most_s:g}"
        return f"{self.servers} in {self.regions}, boot {booting} s"

    @property
    def region_names(self) -> tuple[str, ...]:
        """The regions in use."""
        return REGIONS[: self.regions]


@dataclass(frozen=True)
class Stage:
    """A running sandbox and where its files are."""

    folder: Path
    url: str
    terms: Terms
    server_port: int

    @property
    def estate_file(self) -> Path:
        """The estate of the measurement."""
        return self.folder / "estate.yaml"

    @property
    def fleet_flavour(self) -> str:
        """Name of the fleet's flavour."""
        return str(yaml.safe_load(self.estate_file.read_text("utf-8"))["fleets"][0]["flavour"])

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to converge here."""
        return {
            **os.environ,
            "OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml"),
            "SPRINGTIDE_AUDIT_LOG": str(self.folder / "audit"),
            "PYTHONPATH": str(ROOT),
        }

    def forget_calls(self) -> None:
        """Count from zero again, with a full bucket at the provider's limit."""
        # The bucket is full again after a second without a call.
        time.sleep(1.2)
        httpx.delete(f"{self.url}/admin/calls", trust_env=False).raise_for_status()
        shutil.rmtree(self.folder / "audit", ignore_errors=True)

    def calls(self) -> Counter[CallKey]:
        """How many requests came in since, by service, region, method and route."""
        found = httpx.get(f"{self.url}/admin/calls", trust_env=False).raise_for_status().json()
        return Counter({CallKey(**_without_count(one)): one["count"] for one in found["calls"]})

    def reset(self) -> None:
        """Empty every region."""
        httpx.post(f"{self.url}/admin/reset", trust_env=False).raise_for_status()

    def changes(self) -> list[dict[str, Any]]:
        """What the audit log says of the changes that were made, in order of time."""
        texts = [path.read_text("utf-8") for path in (self.folder / "audit").glob("*.jsonl")]
        lines = [json.loads(line) for text in texts for line in text.splitlines()]
        return sorted(lines, key=lambda line: str(line["time"]))

    def write_estate(self, terms: Terms) -> None:
        """The shipped estate file's fleet, rate limit and pace; the sandbox's names and ports."""
        estate: dict[str, Any] = yaml.safe_load(ESTATE.read_text("utf-8"))
        shipped = estate["fleets"][0]
        fleet = {
            **shipped,
            "user_data_file": str(ESTATE.parent / shipped["user_data_file"]),
            "key_pair": "springtide",
            "wave_servers": terms.wave_servers,
            "max_servers": max(shipped["max_servers"], terms.servers),
            # A surge steps down gradually, as slowly as it is told: nothing to measure.
            "surge": None,
            "traffic": None,
            "health": {**shipped["health"], "port": self.server_port},
            "regions": [_region(name, terms) for name in terms.region_names],
        }
        estate |= {
            "cloud": "sandbox",
            "residency": list(terms.region_names),
            "fleets": [fleet],
            "windows": [],
            "poll_interval_s": terms.poll_interval_s,
            "school_holidays_file": None,
        }
        self.estate_file.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")


def _region(name: str, terms: Terms) -> dict[str, str]:
    names = {"network": "vrack", "subnet": "vrack", "pool": "api"}
    return {"name": name, **names, "pool_kind": terms.pool_kind}


def _without_count(one: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in one.items() if key != "count"}


@contextmanager
def stage(terms: Terms) -> Iterator[Stage]:
    """A sandbox for these terms, and their estate file, for as long as the context lasts."""
    port = free_port()
    regions = tuple(
        SandboxRegion(name=name, cidr=IPv4Network(f"127.{next(_networks)}.0.0/20"))
        for name in terms.region_names
    )
    config = SandboxConfig(
        regions=regions, boot=terms.boot, requests_per_s=PROVIDERS_LIMIT, server_port=port
    )
    with tempfile.TemporaryDirectory(prefix="springtide-bench-") as name:
        folder = Path(name)
        settings = json.loads(config.model_dump_json(exclude={"identity"}))
        (folder / "sandbox.yaml").write_text(yaml.safe_dump(settings), "utf-8")
        with _running(folder):
            url = json.loads((folder / "ready.json").read_text("utf-8"))["url"]
            made = Stage(folder, url, terms, port)
            made.write_estate(terms)
            yield made


@contextmanager
def _running(folder: Path) -> Iterator[None]:
    files = [str(folder / name) for name in ("sandbox.yaml", "clouds.yaml", "ready.json")]
    with (folder / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.cloud", *files], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _START_S
        while not (folder / "ready.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "sandbox.log").read_text("utf-8"))
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
