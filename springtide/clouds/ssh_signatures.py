"""SSH signatures of people, verified by OpenSSH's own ssh-keygen against `allowed_signers`."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from springtide.errors import GuardRefused, Misconfigured, Retryable
from springtide.model.approval import NAMESPACE, Signer

PROGRAM = "ssh-keygen"
_PATIENCE_S = 10.0
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_ARMOUR_COLUMNS = 70
_MOST_CHARACTERS = 20_000
_GOOD = re.compile(r'Good "[^"]+" signature for (?P<name>.+) with \S+ key (?P<key>SHA256:\S+)\s*')
_PATTERN = re.compile(r"[*?!]")


class Signatures:
    """Whose signatures count: the people of `allowed_signers`, less the keys that are revoked."""

    def __init__(
        self,
        allowed_signers: Path,
        revoked_keys: Path | None = None,
        *,
        namespace: str = NAMESPACE,
    ) -> None:
        """Only signatures made for the namespace count; nothing is read yet.

        Raises:
            Misconfigured: a file is not there, or OpenSSH is not installed.
        """
        for path in (allowed_signers, revoked_keys):
            if path is not None and not path.is_file():
                raise Misconfigured(f"{path}: there is no such file", field="approvals")
        program = shutil.which(PROGRAM)
        if program is None:
            raise Misconfigured(
                f"{PROGRAM} is not installed on this machine",
                field="approvals",
                allowed="OpenSSH's client, 8.2 or newer",
            )
        self._program, self._allowed, self._revoked = program, allowed_signers, revoked_keys
        self._namespace = namespace

    def verify(self, statement: str, signature: str) -> Signer:
        """Who signed the statement for our namespace, with a key that counts today.

        Raises:
            GuardRefused: it is no signature, not of this statement, or not by a key that counts.
            Retryable: ssh-keygen does not end.
        """
        armour = armoured(signature)
        if armour is None:
            raise GuardRefused(f"signature: it is no SSH signature, from {_BEGIN} to {_END}")
        with tempfile.TemporaryDirectory(prefix="springtide-signature-") as folder:
            file = Path(folder) / "signature"
            file.write_text(armour, "ascii")
            return self._verified(statement, file, self._principal(file))

    def _principal(self, file: Path) -> str:
        """The first name under which the signature's key stands, as allowed for today."""
        found = self._run("find-principals", file, [], "")
        names = found.stdout.splitlines()
        if found.returncode or not names:
            raise GuardRefused(f"signature: its key is not in {self._allowed.name}")
        if _PATTERN.search(names[0]):
            raise GuardRefused(
                f"signature: {self._allowed.name} must give each key one person's name, no pattern"
            )
        return names[0]

    def _verified(self, statement: str, file: Path, name: str) -> Signer:
        who = ["-I", name, "-n", self._namespace]
        done = self._run("verify", file, who, statement)
        good = _GOOD.fullmatch(done.stdout)
        if done.returncode or good is None:
            why = done.stderr.strip().splitlines() or ["ssh-keygen does not say why"]
            raise GuardRefused(f"signature: not {name}'s of this line: {why[0]}")
        # Apart, for ssh-keygen does not say that it is for the revocation that it refuses.
        if self._revoked is not None:
            revoked = ["-r", str(self._revoked)]
            if self._run("verify", file, [*who, *revoked], statement).returncode:
                raise GuardRefused(f"signature: the key of {name} is revoked ({good['key']})")
        return Signer(name=good["name"], key=good["key"])

    def _run(
        self, verb: str, file: Path, more: list[str], message: str
    ) -> subprocess.CompletedProcess[str]:
        command = [self._program, "-Y", verb, "-f", str(self._allowed), "-s", str(file), *more]
        try:
            return subprocess.run(  # noqa: S603 - the program and its arguments are ours
                command,
                input=message,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Retryable(f"{PROGRAM} did not end within {_PATIENCE_S:g} s") from error


def armoured(signature: str) -> str | None:
    """The signature as ssh-keygen wrote it; None where the text is none.

    A form's field has one line, so a pasted signature has lost its line ends.
    """
    text = signature.strip()
    if len(text) > _MOST_CHARACTERS or not (text.startswith(_BEGIN) and text.endswith(_END)):
        return None
    body = "".join(text.removeprefix(_BEGIN).removesuffix(_END).split())
    if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", body):
        return None
    lines = [body[at : at + _ARMOUR_COLUMNS] for at in range(0, len(body), _ARMOUR_COLUMNS)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def sign(statement: str, key_file: Path, *, namespace: str) -> str:
    """The statement's signature by a private key that has no passphrase.

    Raises:
        Misconfigured: the key cannot be used, or OpenSSH is not installed.
        Retryable: ssh-keygen does not end.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise Misconfigured(f"{PROGRAM} is not installed on this machine", field="audit")
    try:
        done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
            [program, "-Y", "sign", "-q", "-f", str(key_file), "-n", namespace],
            input=statement,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
            # A key with a passphrase is refused at once: nobody is there to be asked.
            env={**os.environ, "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"},
        )
    except subprocess.TimeoutExpired as error:
        raise Retryable(f"{PROGRAM} did not end within {_PATIENCE_S:g} s") from error
    if done.returncode:
        why = done.stderr.strip().splitlines() or ["ssh-keygen does not say why"]
        raise Misconfigured(
            f"{key_file} cannot sign: {why[-1]}",
            field="audit.key_file",
            allowed="a private SSH key without a passphrase, of mode 0600",
        )
    return done.stdout
