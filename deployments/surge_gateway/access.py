"""Who may call the gateway: tokens with scopes, of which only the hashes are kept."""

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from springtide.model.base import Model, Name

_BYTES = 32


class Scope(StrEnum):
    """What a token is good for."""

    START = "surges:start"
    READ = "surges:read"
    ALERT = "alerts:send"


class Token(Model):
    """One caller."""

    name: Name
    """Told in logs, and as the owner of what it asks for."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the token: who reads this file cannot call."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    fleets: tuple[Name, ...] = ()
    """The fleets for which it may ask; empty: all."""

    def may_ask_for(self, fleet: str) -> bool:
        """Whether it may ask for a surge of that fleet."""
        return not self.fleets or fleet in self.fleets


def new_token() -> tuple[str, str]:
    """A token of 256 random bits, and its hash: the token itself is shown once and not kept."""
    token = secrets.token_urlsafe(_BYTES)
    return token, hashed(token)


def hashed(token: str) -> str:
    """The token's SHA-256: it is random, so a slow hash would guard against nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_of(header: str | None, tokens: tuple[Token, ...]) -> Token | None:
    """Whose token the Authorization header bears; every entry is compared, in constant time."""
    kind, _, given = (header or "").partition(" ")
    if kind.lower() != "bearer" or not given.strip():
        return None
    digest = hashed(given.strip())
    found = [token for token in tokens if hmac.compare_digest(token.sha256, digest)]
    return found[0] if found else None
