"""Approvals: what is proposed, by whose keys it is approved, and until when."""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue

from springtide.model.base import Model, Moment, Name

LONGEST_MINUTES = 24 * 60
NAMESPACE = "approval@springtide"
"""Of our signatures: one made for a commit or a file approves nothing here."""

ProposalDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ApprovalPolicy(Model):
    """Whose signatures approve, and for how long."""

    allowed_signers_file: Annotated[str, Field(min_length=1)]
    """Path, relative to the estate file, of people's public keys in OpenSSH's `allowed_signers`
    format (ssh-keygen(1), "ALLOWED SIGNERS"): one name for each person, no patterns."""
    revoked_keys_file: str | None = None
    """Path, relative to the estate file, of public keys (or an OpenSSH revocation list) that
    approve nothing any more."""
    minutes: Annotated[float, Field(gt=0, le=LONGEST_MINUTES)] = 60
    """How long a plan waits for its approval, and how long an approval is good for."""


class Proposal(Model):
    """An act that needs an approval: exactly this plan, and none that differs in a letter.

    What makes the act unique (a size that is replaced, a version, a key) belongs into the plan: the
    same plan has the same digest, whenever it is made.
    """

    kind: Name
    """What is done, e.g. `resize-database-cluster`."""
    subject: Annotated[str, Field(min_length=1, max_length=200)]
    """What it is done to."""
    plan: dict[str, JsonValue]
    """The frozen plan, as JSON."""
    signatures: Literal[1, 2] = 1
    """By how many people's keys it is approved."""

    @classmethod
    def of(cls, kind: str, subject: str, plan: Model, *, signatures: Literal[1, 2] = 1) -> Self:
        """The proposal of that plan."""
        document = plan.model_dump(mode="json")
        return cls(kind=kind, subject=subject, plan=document, signatures=signatures)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: keys sorted, no blanks, UTF-8."""
        text = json.dumps(
            self.model_dump(mode="json"),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        return hashlib.sha256(text.encode()).hexdigest()


class Signer(Model):
    """Whose key made a signature, as `allowed_signers` says."""

    name: str
    key: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
    """The key's fingerprint."""


class Approval(Model):
    """A proposal's approval, with all that is needed to verify it again."""

    digest: ProposalDigest
    until: Moment
    """From then on no run may begin on its account; one that acts by then comes to its end."""
    statement: str
    """The line that was signed."""
    signatures: Annotated[tuple[str, ...], Field(min_length=1)]
    signers: Annotated[tuple[Signer, ...], Field(min_length=1)]

    @property
    def approved_by(self) -> str:
        """Names and keys, for whoever reads a claim or the audit log later."""
        return " and ".join(f"{signer.name} ({signer.key})" for signer in self.signers)
