"""The store of the tests: a folder."""

import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from springtide.errors import Damaged, NotFound
from springtide.model.object_storage import StoredObject


class FolderStore:
    """As restic's own `local` backend has it."""

    def __init__(self, folder: Path) -> None:
        """The folder is made where it is missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`; a reader sees the whole object or none."""
        path = self._folder / name
        if (there := self.size(name)) is not None:
            if there != len(data):
                raise Damaged(f"{name} stands already, with another size", objects=(name,))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
        try:
            partial.write_bytes(data)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)  # on a full disk it would stay for ever
            raise

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(start)
                found = file.read() if length is None else file.read(length)
        except FileNotFoundError as error:
            raise NotFound(name) from error
        if length is not None and len(found) != length:
            raise Damaged(f"{name} is shorter than its index says", objects=(name,))
        return found

    def size(self, name: str) -> int | None:
        """As `Store.size`."""
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return None

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As `Store.listing`."""
        top = self._folder / prefix.rpartition("/")[0]
        paths = (path for path in top.rglob("*") if not path.name.startswith("."))
        for name in sorted(path.relative_to(self._folder).as_posix() for path in paths):
            if not name.startswith(prefix):
                continue
            try:
                state = (self._folder / name).stat()
            except FileNotFoundError:
                continue  # deleted since
            if stat.S_ISREG(state.st_mode):
                yield StoredObject(name, state.st_size)

    def delete(self, name: str) -> None:
        """As `Store.delete`."""
        (self._folder / name).unlink(missing_ok=True)

    def now(self) -> datetime:
        """This machine's time."""
        return datetime.now(UTC).replace(microsecond=0)
