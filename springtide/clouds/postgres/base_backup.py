"""A base backup as it comes from the server: pg_basebackup's tar, file by file, without a disk.

The log is not asked for with it: it is archived all the time, and the base backup counts only once
the archive holds what it needs.

Source: PostgreSQL 15, "pg_basebackup", "Backup Manifest Format".
"""

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple, Protocol

from springtide.clouds.postgres.programs import Programs, failure
from springtide.errors import Damaged, Retryable
from springtide.model.wal import WalRange, parse_lsn

_MANIFEST = "backup_manifest"
_MOST_MANIFEST = 1 << 30
_ENDING_S = 60.0


class Content(Protocol):
    """What is read of a file."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """How many bytes it put there; 0 at its end."""


class BaseFile(NamedTuple):
    """One file, directory or link of a base backup."""

    path: str
    kind: str
    """`file`, `dir` or `symlink`."""
    mode: int
    mtime_s: int
    owner: tuple[int, int, str, str]
    """uid, gid, and their names."""
    target: str
    content: Content | None


class BaseBackupStream:
    """A base backup under way; `ranges` are known once all files have been read."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        """Rather `base_backup`."""
        self._process, self._errors = process, errors
        self.ranges: tuple[WalRange, ...] = ()

    def files(self) -> Iterator[BaseFile]:
        """All files, as they come; each is to be read before the next one.

        Raises:
            Retryable, Misconfigured: the server did not give all of it.
        """
        try:
            with tarfile.open(fileobj=self._process.stdout, mode="r|", bufsize=1 << 20) as archive:
                for member in archive:
                    archive.members = []  # type: ignore[attr-defined] # else it remembers them all
                    yield self._file(archive, member)
        except (tarfile.ReadError, EOFError) as error:
            raise self._failure() from error
        if self._process.wait(_ENDING_S):
            raise self._failure()
        if not self.ranges:
            raise Damaged("the base backup came without its manifest")

    def _file(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> BaseFile:
        content: Content | None = archive.extractfile(member) if member.isreg() else None  # type: ignore[assignment] # a buffered reader, which fills buffers
        if member.name == _MANIFEST and content is not None:
            content = self._read_manifest(archive.extractfile(member))
        return BaseFile(
            path=member.name.removeprefix("./").strip("/"),
            kind="file" if member.isreg() else "dir" if member.isdir() else "symlink",
            mode=member.mode,
            mtime_s=int(member.mtime),
            owner=(member.uid, member.gid, member.uname, member.gname),
            target=member.linkname,
            content=content,
        )

    def _read_manifest(self, file: IO[bytes] | None) -> Content:
        if file is None:
            raise Damaged("the base backup's manifest cannot be read")
        manifest = file.read(_MOST_MANIFEST)
        self.ranges = manifest_ranges(manifest)
        return io.BytesIO(manifest)

    def _failure(self) -> Exception:
        code = self._process.wait(_ENDING_S)
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace")
        return failure("pg_basebackup", code, said) if code else Retryable("pg_basebackup was cut")


@contextmanager
def base_backup(programs: Programs, service: str, *, label: str) -> Iterator[BaseBackupStream]:
    """A base backup from the server; where it is not read to its end, it is ended."""
    command = [
        programs.path("pg_basebackup"),
        *("--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast"),
        *("--manifest-checksums=SHA256", f"--label={label}", "--no-password"),
    ]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603 - the program and its arguments are ours
            command,
            env=programs.environment(service),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        try:
            yield BaseBackupStream(process, errors)
        finally:
            if process.poll() is None:
                process.kill()


def manifest_ranges(manifest: bytes) -> tuple[WalRange, ...]:
    """The stretches of the log without which the base backup is not consistent.

    Raises:
        Damaged: it is no manifest.
    """
    try:
        found = json.loads(manifest)["WAL-Ranges"]
        return tuple(
            WalRange(each["Timeline"], parse_lsn(each["Start-LSN"]), parse_lsn(each["End-LSN"]))
            for each in found
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("the base backup's manifest cannot be read") from error
