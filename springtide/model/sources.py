"""What can be backed up: directories, or a PostgreSQL cluster; `kind` tells which."""

from typing import Annotated

from pydantic import Discriminator, Tag

from springtide.errors import Misconfigured
from springtide.model.backup import BackupSource
from springtide.model.postgres import PostgresSource

_DIRECTORIES, _POSTGRESQL = "directories", "postgresql"


def _kind(given: object) -> object:
    if isinstance(given, dict):
        return given.get("kind", _DIRECTORIES)
    return getattr(given, "kind", _DIRECTORIES)


Source = Annotated[
    Annotated[BackupSource, Tag(_DIRECTORIES)] | Annotated[PostgresSource, Tag(_POSTGRESQL)],
    Discriminator(
        _kind,
        custom_error_type="source_kind",
        custom_error_message=f"kind must be {_DIRECTORIES} or {_POSTGRESQL}",
    ),
]


def check_parts(source: Source, *parts: int, field: str = "part") -> None:
    """Return where the source has all of these parts.

    Raises:
        Misconfigured: it lacks one; `field` is where it was asked for.
    """
    for part in parts:
        if part not in source.part_paths:
            allowed = f"1 to {len(source.part_paths)}"
            raise Misconfigured(f"{source.name} has no part {part}", field=field, allowed=allowed)
