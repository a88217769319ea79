"""Who has a password to a vault, and who can read a password that was lost."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from springtide.model.base import Model
from springtide.model.paths import AbsolutePath

LEAST_RECIPIENTS = 2


class KeyRole(StrEnum):
    """What somebody does with a vault; each role has a key file and a password of its own.

    Every password opens the same key: who has one can read everything. What a role may *do* is
    decided by its credential of the cloud, and that a role can be revoked alone by its key file.
    """

    WRITE = "write"
    """Backs up, and verifies."""
    PRUNE = "prune"
    """Removes what no rule keeps, and erases."""
    RESTORE = "restore"
    """Restores, drills, and copies to a second site."""


class RolePasswords(Model):
    """Files on this machine with the password of one role; a role without has `password_file`."""

    write: AbsolutePath | None = None
    prune: AbsolutePath | None = None
    restore: AbsolutePath | None = None

    def of(self, role: KeyRole) -> str | None:
        """The role's own file; None: it has none."""
        found: str | None = getattr(self, role.value)
        return found


Recipient = Annotated[str, StringConstraints(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]
"""A public key of age, e.g. from `age-keygen`; its other half is kept offline."""


def _enough(recipients: tuple[str, ...]) -> tuple[str, ...]:
    if recipients and len(set(recipients)) < max(LEAST_RECIPIENTS, len(recipients)):
        raise ValueError("at least two different recipients, each once: one of them can be lost")
    return recipients


Recipients = Annotated[tuple[Recipient, ...], AfterValidator(_enough)]
