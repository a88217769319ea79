"""What can be backed up: directories, or a PostgreSQL cluster; `kind` tells which."""

from typing import Annotated

from pydantic import Discriminator, Tag

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
