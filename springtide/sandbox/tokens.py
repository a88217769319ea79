"""The tokens that the identity service has issued."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Token:
    """Who may act, and until when: in real time, as clients judge it by their own clock."""

    id: str
    method: str
    issued_at: datetime
    expires_at: datetime


class Tokens:
    """All tokens that are still good."""

    def __init__(self) -> None:
        """Start with none."""
        self._tokens: dict[str, Token] = {}

    def issue(self, token_id: str, method: str) -> Token:
        """A new token for the project, good for 24 hours."""
        now = datetime.now(UTC)
        token = Token(token_id, method, now, now + LIFETIME)
        self._tokens[token_id] = token
        return token

    def find(self, token_id: str | None) -> Token | None:
        """The token of that id, unless it was never issued, was revoked or has expired."""
        token = self._tokens.get(token_id or "")
        if token is None or token.expires_at <= datetime.now(UTC):
            return None
        return token

    def revoke(self, token_id: str) -> bool:
        """Make one token worthless; False if it was so already."""
        return self._tokens.pop(token_id, None) is not None

    def revoke_all(self) -> int:
        """Make every token worthless; returns how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count
