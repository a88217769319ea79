"""Times as OpenStack's services write them: in UTC, with or without saying so."""

from datetime import UTC, datetime


def moment_of(text: str) -> datetime:
    """The moment that a service names."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_or_none(text: str | None) -> datetime | None:
    """The same; None where nothing is said."""
    return moment_of(text) if text else None
