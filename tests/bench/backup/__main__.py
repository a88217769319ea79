"""`make bench-backup`: our backups beside other programs', on the same data and the same Swift.

All take turns, round by round, so that a machine that becomes slower does so for everybody. What is
told is the best of the rounds, and ratios of one run; figures of different machines compare not.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from springtide.sandbox.object_store import ObjectStore
from springtide.vault.compression import compressed
from tests.bench.backup.contestants import Contestant, Ground, Step, contestants
from tests.bench.backup.data import MIB, change, mixed, small
from tests.bench.backup.measuring import Measured, measured
from tests.faulty_proxy import FaultyProxy

_PASSWORD = "a password of the benchmark's\n"  # noqa: S105 - of no worth
_PUT_BYTES = 32 * MIB


@dataclass
class Result:
    """What one contestant came to."""

    rounds: dict[Step, list[Measured]] = field(default_factory=lambda: defaultdict(list))
    stored: int = 0
    """Bytes after the first backup, by the container's own word."""
    requests: dict[Step, int] = field(default_factory=dict)


def main(
    mib: Annotated[int, typer.Option(help="MiB of mixed data.")] = 1024,
    files: Annotated[int, typer.Option(help="Small files instead of mixed data.")] = 0,
    rounds: Annotated[int, typer.Option(help="How often each takes its turn.")] = 3,
    rclone: Annotated[
        Path | None, typer.Option(help="The program, where it is to be measured.")
    ] = None,
    only: Annotated[str, typer.Option(help="Names of contestants, separated by commas.")] = "",
) -> None:
    """Measure, and print a table."""
    console = Console(width=150)
    chosen = [c for c in contestants(rclone) if not only or c.name in only.split(",")]
    with tempfile.TemporaryDirectory(prefix="springtide-bench-") as name:
        folder = Path(name)
        source = folder / "source"
        if files:
            small(source, files)
        else:
            mixed(source, mib * MIB)
        size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        with ObjectStore(folder / "swift") as store:
            ceiling = _ceiling(store, source)
            results = {each.name: Result() for each in chosen}
            for number in range(rounds):
                for each in chosen:
                    _turn(each, (folder, source, store), number, results[each.name])
            for each in chosen:
                _count(each, (folder, source, store), results[each.name])
    _tell(console, results, size, ceiling)


def _turn(
    contestant: Contestant, where: tuple[Path, Path, ObjectStore], number: int, result: Result
) -> None:
    """All steps of one contestant once, in a container of its own that is removed again."""
    folder, original, store = where
    ground = _ground(contestant, folder, store.url, store.token, f"{number}")
    shutil.copytree(original, ground.source)
    contestant.prepare(ground)
    for step in Step:
        if step is Step.REPEAT:
            change(ground.source, 0.01)
        command = contestant.command(ground, step)
        if command is None:
            continue
        taken = measured(command, ground.environment, ground.folder / "log")
        result.rounds[step].append(taken)
        if step is Step.FIRST:
            result.stored = _stored(ground)
    _same(ground)
    shutil.rmtree(ground.folder)
    _remove(ground)


def _count(contestant: Contestant, where: tuple[Path, Path, ObjectStore], result: Result) -> None:
    """The same once more through a proxy that counts; nothing is timed."""
    folder, original, store = where
    with FaultyProxy(store.url) as proxy:
        ground = _ground(contestant, folder, proxy.url, store.token, "counted")
        shutil.copytree(original, ground.source)
        contestant.prepare(ground)
        for step in (Step.FIRST, Step.REPEAT):
            if step is Step.REPEAT:
                change(ground.source, 0.01)
            before = len(proxy.calls())
            command = contestant.command(ground, step)
            if command is not None:
                measured(command, ground.environment, ground.folder / "log")
            result.requests[step] = len(proxy.calls()) - before
        shutil.rmtree(ground.folder)
        _remove(ground)


def _ground(contestant: Contestant, folder: Path, url: str, token: str, number: str) -> Ground:
    name = f"{contestant.name.replace(' ', '-')}-{number}"
    own = folder / name
    own.mkdir()
    (own / "password").write_text(_PASSWORD)
    obscured = ""
    if contestant.name == "rclone crypt":
        program = contestant.command(Ground(own, own, name, {}), Step.CHECK)
        if program is not None:
            asked = [program[0], "obscure", _PASSWORD.strip()]
            obscured = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    environment = {
        **os.environ,
        "BENCH_CACHE": str(own / "cache"),
        "BENCH_CONTAINER": name,
        "HOME": str(own),
        "OS_AUTH_TOKEN": token,
        "OS_STORAGE_URL": url,
        "RESTIC_CACHE_DIR": str(own / "cache"),
        "RESTIC_PASSWORD_FILE": str(own / "password"),
        "RCLONE_CONFIG_BENCH_TYPE": "swift",
        "RCLONE_CONFIG_BENCH_AUTH_TOKEN": token,
        "RCLONE_CONFIG_BENCH_STORAGE_URL": url,
        "RCLONE_CONFIG_BENCHCRYPT_TYPE": "crypt",
        "RCLONE_CONFIG_BENCHCRYPT_REMOTE": f"bench:{name}",
        "RCLONE_CONFIG_BENCHCRYPT_PASSWORD": obscured.strip(),
    }
    return Ground(own, own / "source", name, environment)


def _stored(ground: Ground) -> int:
    """By the containers' listings, as their own sums come late; segments have one of their own."""
    environment, stored = ground.environment, 0
    for container in (ground.container, f"{ground.container}_segments"):
        marker = ""
        while page := _page(f"{environment['OS_STORAGE_URL']}/{container}", marker, environment):
            stored += sum(each["bytes"] for each in page)
            marker = page[-1]["name"]
    return stored


def _page(url: str, marker: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    answer = httpx.get(
        url,
        params={"format": "json", "marker": marker},
        headers={"X-Auth-Token": environment["OS_AUTH_TOKEN"]},
        timeout=60,
        trust_env=False,
    )
    found: list[dict[str, Any]] = answer.json() if answer.status_code == HTTPStatus.OK else []
    return found


def _remove(ground: Ground) -> None:
    environment = ground.environment
    program = [str(Path(sys.executable).with_name("swift")), "--quiet"]
    account = ["--os-storage-url", environment["OS_STORAGE_URL"]]
    account += ["--os-auth-token", environment["OS_AUTH_TOKEN"]]
    for container in (ground.container, f"{ground.container}_segments"):
        command = [*program, *account, "delete", container]
        subprocess.run(command, capture_output=True, check=False)


def _same(ground: Ground) -> None:
    """What was restored is what was backed up, by `diff`: none of the contestants."""
    restored = next(
        path for path in (ground.target, *ground.target.rglob("*")) if _looks_like(path, ground)
    )
    done = subprocess.run(
        ["diff", "-rq", str(ground.source), str(restored)],  # noqa: S607 - of PATH
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{ground.container}: restored something else: {done.stdout[-1000:]!r}")


def _looks_like(path: Path, ground: Ground) -> bool:
    names = {each.name for each in ground.source.iterdir()}
    return path.is_dir() and names <= {each.name for each in path.iterdir()}


def _ceiling(store: ObjectStore, source: Path) -> dict[str, float]:
    """MB/s of compression alone on one core, and of the store's own PUTs."""
    sample = b"".join(
        path.read_bytes()[: 4 * MIB] for path in sorted(source.rglob("*"))[:2000] if path.is_file()
    )[: 256 * MIB]
    began = time.process_time()
    for start in range(0, len(sample), MIB):
        compressed(sample[start : start + MIB])
    compressing = len(sample) / (time.process_time() - began) / 1e6
    rates = []
    with httpx.Client(headers={"X-Auth-Token": store.token}, timeout=60, trust_env=False) as client:
        client.put(f"{store.url}/ceiling").raise_for_status()
        data = os.urandom(_PUT_BYTES)
        for number in range(8):
            began = time.monotonic()
            client.put(f"{store.url}/ceiling/{number}", content=data).raise_for_status()
            rates.append(_PUT_BYTES / (time.monotonic() - began) / 1e6)
        for number in range(8):
            client.delete(f"{store.url}/ceiling/{number}")
    return {"zstd level 1, one core": compressing, "the store's PUT": statistics.median(rates)}


def _tell(
    console: Console, results: dict[str, Result], size: int, ceiling: dict[str, float]
) -> None:
    console.print(
        f"{size / 1e6:,.0f} MB; ceiling in MB/s:", {k: round(v) for k, v in ceiling.items()}
    )
    for step in Step:
        headings = ("program", "MB/s", "CPU-s/GiB", "RSS MiB", "stored MB", "requests", "rounds")
        table = Table(*headings, title=step, title_justify="left", box=SIMPLE_HEAD)
        for name, result in results.items():
            if not (taken := result.rounds.get(step)):
                continue
            best = min(taken, key=lambda each: each.wall_s)
            table.add_row(
                name,
                f"{size / best.wall_s / 1e6:.0f}",
                f"{min(each.cpu_s for each in taken) / size * 1024**3:.1f}",
                f"{max(each.rss_mib for each in taken):.0f}",
                f"{result.stored / 1e6:,.0f}" if step is Step.FIRST else "",
                str(result.requests.get(step, "")),
                " ".join(f"{each.wall_s:.1f}" for each in taken),
            )
        console.print(table)


if __name__ == "__main__":
    typer.run(main)
