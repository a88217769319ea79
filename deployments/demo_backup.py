"""`make demo-backup`: documents go to object storage, are lost, and come back, in a minute.

Everything is real but the cloud: Prefect's server and worker, the flows as deployments, and the
Swift beside the sandbox. It ends with 0 only if what came back is what was lost, to the last
attribute that `diff` and `find` can see, and if every pack was verified.
"""

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deployments.demo_stage import End, Stage, staged, tell_verdict
from deployments.deploy import ROOT
from deployments.stack import ESTATE, Stack, environment
from deployments.stack_clouds import SandboxCloud
from springtide.errors import SpringtideError

_FILES = 2_000
_MIB = 1024 * 1024


@dataclass
class Findings:
    """How each run ended, and what was wrong."""

    ends: list[End] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Run it; the exit code for the shell."""
    try:
        return _demo(Console())
    except (RuntimeError, SpringtideError) as error:
        sys.exit(str(error))


def _demo(console: Console) -> int:
    folder = ROOT / ".springtide" / "demo-backup"
    storage = folder / "storage"
    console.print("Starting a sandbox cloud with a Swift, a Prefect server and a worker …")
    began = time.monotonic()
    with staged(folder, SandboxCloud(ESTATE, storage=storage)) as stage:
        console.print(f"Up after {time.monotonic() - began:.0f} s: {stage.stack.ui_url}")
        findings = _story(console, stage, storage)
    _tell(console, findings, time.monotonic() - began)
    return tell_verdict(console, findings.wrong)


def _story(console: Console, stage: Stage, storage: Path) -> Findings:
    findings = Findings()
    documents = storage / "srv" / "documents"
    _write_documents(documents)
    _springtide(stage.stack, "vault", "create", "documents")
    _run(console, stage, findings, "back-up-to-object-storage/documents")
    _change_documents(documents)
    _run(console, stage, findings, "back-up-to-object-storage/documents")
    before = _seen(documents)
    console.print(f"{len(before)} files, directories and links are lost now.")
    kept = storage / "kept-to-compare"
    documents.rename(kept)
    _run(
        console,
        stage,
        findings,
        "restore-from-object-storage/documents",
        {"source": "documents", "folder": "again"},
    )
    again = (storage / "srv" / "restored" / "again").joinpath(*documents.parts[1:])
    _compare(findings, kept, again, before)
    _run(
        console,
        stage,
        findings,
        "verify-backups/documents",
        {"vault": "documents", "everything": True},
    )
    _run(console, stage, findings, "drill-restore/documents")
    return findings


def _write_documents(folder: Path) -> None:
    chance = random.Random(4)  # noqa: S311 - data
    for number in range(_FILES):
        directory = folder / f"{number % 40:02}"
        directory.mkdir(parents=True, exist_ok=True)
        text = f"bulletin {number}\n".encode() * chance.randint(1, 400)
        (directory / f"{number}.pdf").write_bytes(text + chance.randbytes(chance.randint(0, 9000)))
    (folder / "scan.tif").write_bytes(chance.randbytes(30 * _MIB))
    (folder / "latest").symlink_to("00/0.pdf")
    os.link(folder / "scan.tif", folder / "same-scan.tif")
    (folder / os.fsdecode(b"pr\xe9nom.txt")).write_bytes(b"a name that is not UTF-8")


def _change_documents(folder: Path) -> None:
    with (folder / "scan.tif").open("r+b") as file:
        file.seek(10 * _MIB)
        file.write(b"changed in the middle")
    (folder / "00" / "0.pdf").unlink()
    (folder / "01" / "new.pdf").write_bytes(b"new")


def _springtide(stack: Stack, *arguments: str) -> None:
    program = Path(sys.executable).with_name("springtide")
    command = [str(program), *arguments]
    subprocess.run(command, check=True, env=environment(stack), cwd=ROOT)  # noqa: S603 - ours


def _run(
    console: Console,
    stage: Stage,
    findings: Findings,
    deployment: str,
    parameters: dict[str, object] | None = None,
) -> None:
    """Start the deployment over HTTP, and wait for its end."""
    end = stage.finished(deployment, parameters)
    said = f"{deployment}: {end.state.lower()} after {end.took_s:.1f} s: {end.message}"
    console.print(said, highlight=False)
    findings.ends.append(end)
    findings.wrong += end.wrong


def _compare(findings: Findings, kept: Path, again: Path, before: list[str]) -> None:
    command = ["diff", "-r", "--no-dereference", str(kept), str(again)]
    difference = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - of PATH
    if difference.returncode:
        findings.wrong.append("what was restored has other contents")
    after = _seen(again)
    if before != after:
        findings.wrong.append(f"{len(set(before) ^ set(after))} lines of `find` differ")


def _seen(folder: Path) -> list[str]:
    """Path, kind, mode, owner, size, links, target and time of all that is there, by `find`."""
    shown = r"%P %y %m %U %G %n %l %T@ \0"
    command = ["find", ".", "(", "-type", "d", "-printf", r"%P %y %m %U %G %T@ \0", "-o"]
    command += ["-printf", shown.replace("%y", "%y %s"), ")"]
    found = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout  # noqa: S603 - ours
    return sorted(os.fsdecode(found).split("\0"))


def _tell(console: Console, findings: Findings, seconds: float) -> None:
    table = Table("run", "what it says", "seconds", title="The backup")
    for end in findings.ends:
        table.add_row(end.deployment, end.message, f"{end.took_s:.1f}")
    table.add_row("the whole demo", "", f"{seconds:.0f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
