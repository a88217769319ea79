"""People with SSH keys, who sign as the command that is shown has them sign."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from springtide.clouds.ssh_signatures import PROGRAM
from springtide.planning.approvals import signing_command


def needs_ssh_keygen() -> None:
    """Skip where OpenSSH is not installed; in CI that is a failure."""
    if shutil.which(PROGRAM) is None:
        if os.environ.get("CI") == "true":
            pytest.fail("OpenSSH's client is not installed")
        pytest.skip("OpenSSH's client is not installed")


@dataclass(frozen=True)
class Person:
    """Somebody, and the private key that is theirs."""

    name: str
    key: Path

    @property
    def public_key(self) -> str:
        """As it stands in the `.pub` file, without the comment."""
        return " ".join(Path(f"{self.key}.pub").read_text("ascii").split()[:2])

    def line(self, options: str = "") -> str:
        """The person's line of allowed_signers."""
        return " ".join(filter(None, (self.name, options, self.public_key)))

    def sign(self, statement: str, *, namespace: str | None = None) -> str:
        """What the command prints that is shown to sign the statement, with the person's key."""
        command = signing_command(statement).replace(
            "~/.ssh/id_ed25519", shlex.quote(str(self.key))
        )
        if namespace is not None:
            command = re.sub("-n [^ ]+", f"-n {namespace}", command)
        done = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, check=True, text=True, timeout=20
        )
        return done.stdout


def a_person(folder: Path, name: str = "anna@example.org") -> Person:
    """Somebody with a new key in the folder."""
    needs_ssh_keygen()
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / name
    subprocess.run(
        [PROGRAM, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)],
        check=True,
        timeout=20,
    )
    return Person(name, key)


def allow(file: Path, *people: Person) -> Path:
    """A file of allowed signers with these people."""
    file.write_text("".join(f"{person.line()}\n" for person in people), "ascii")
    return file
