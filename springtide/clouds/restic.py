"""The program restic, on a repository of ours: the restore that needs no line of our code.

It is Debian's and everybody's; nothing of it is part of the product. Where it is not installed on
the worker's machine, that is said, and nothing else is wrong.
"""

import os
import shutil
import subprocess
from pathlib import Path

from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Damaged, Misconfigured

PROGRAM = "restic"
_RESTORE_S = 7 * 24 * 3600.0


def is_installed() -> bool:
    """Whether the program is on this machine's PATH."""
    return shutil.which(PROGRAM) is not None


def restore_by_restic(
    store: SwiftStore, password_file: Path, *, snapshot: str, target: Path
) -> None:
    """Have restic restore a snapshot below the target folder.

    The token and the password go by environment and file, never by the command line.

    Raises:
        Misconfigured: the program is not installed.
        Damaged: it did not restore everything.
        Retryable: there is no token to be had just now.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise Misconfigured("restic is not installed on this machine", field="by")
    access = store.access()
    environment = {
        "HOME": os.environ.get("HOME", "/"),
        "PATH": os.environ.get("PATH", ""),
        "OS_STORAGE_URL": access.url,
        "OS_AUTH_TOKEN": access.token,
        "RESTIC_PASSWORD_FILE": str(password_file),
        "RESTIC_REPOSITORY": f"swift:{store.place.container}:/{store.place.prefix}",
    }
    # A cache would outlive the drill.
    command = [program, "--no-cache", "--no-lock", "restore", snapshot, "--target", str(target)]
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        command, env=environment, capture_output=True, text=True, timeout=_RESTORE_S, check=False
    )
    if done.returncode:
        # Its errors name files; only how many there were may be told.
        lines = done.stderr.splitlines()
        raise Damaged(f"restic ended with {done.returncode} after {len(lines)} lines of errors")
