"""The log for a recovering server: it asks by a file, and is given one. No credential leaves us.

The server's `restore_command` is a few lines of shell: it puts down what is wanted and waits. Our
side reads the vault, some segments ahead. So the server's account need not reach the vault, and no
program is started for each segment. If we are gone, the recovery ends instead of taking that for
the end of the log.
"""

import os
import shlex
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from springtide.errors import NotFound

_AHEAD = 6
_READERS = 3
_POLL_S = 0.02
_WAIT_S = 3600
_SCRIPT = """#!/bin/sh
# restore_command: ask for the file $1 and put it at $2.
folder={folder}
: >"$folder/wanted/$1" || exit 200
waited=0
while [ $waited -lt {polls} ]; do
  if [ -e "$folder/given/$1" ]; then mv "$folder/given/$1" "$2" && exit 0; exit 200; fi
  if [ -e "$folder/none/$1" ]; then rm -f "$folder/none/$1"; exit 1; fi
  if [ -e "$folder/failed" ]; then exit 200; fi
  kill -0 {pid} 2>/dev/null || [ -d /proc/{pid} ] || exit 200
  sleep 0.05
  waited=$((waited + 1))
done
exit 200
"""
"""Above 125 the server ends its recovery; below, it takes the log for ended."""


class Feeder:
    """Gives a recovering server what it asks for, while the context lasts."""

    def __init__(
        self,
        folder: Path,
        fetch: Callable[[str, Path], None],
        following: Callable[[str], list[str]],
        *,
        owner: tuple[int, int] | None = None,
    ) -> None:
        """`fetch` writes a file of the log or raises NotFound; `following` names what comes next.

        `owner` is to have the files, where that is somebody else.
        """
        self._folder, self._fetch, self._following, self._owner = folder, fetch, following, owner
        self._ahead: dict[str, Future[bool]] = {}
        self._ended = threading.Event()
        self._readers = ThreadPoolExecutor(_READERS, "springtide-feed")
        self._thread = threading.Thread(target=self._serve, name="springtide-feeder")
        self.failure: BaseException | None = None
        """What stopped it."""
        self.given: set[str] = set()
        """The files that the server has had."""

    def __enter__(self) -> Self:
        """Begin to serve."""
        for name in ("wanted", "given", "none", "ahead"):
            folder = self._folder / name
            folder.mkdir(mode=0o700, parents=True)
            self._give(folder)
        script = self._folder / "feed.sh"
        quoted, polls = shlex.quote(str(self._folder)), _WAIT_S * 20
        script.write_text(_SCRIPT.format(folder=quoted, polls=polls, pid=os.getpid()), "utf-8")
        script.chmod(0o755)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Serve no more."""
        self._ended.set()
        self._thread.join()
        self._readers.shutdown(wait=True, cancel_futures=True)

    @property
    def command(self) -> str:
        """The `restore_command`."""
        return f'sh {shlex.quote(str(self._folder / "feed.sh"))} "%f" "%p"'

    def _serve(self) -> None:
        try:
            while not self._ended.is_set():
                for wanted in sorted((self._folder / "wanted").iterdir()):
                    wanted.unlink()
                    self._answer(wanted.name)
                self._ended.wait(_POLL_S)
        except BaseException as error:  # noqa: BLE001 - told by whoever waits for the server
            self.failure = error
            (self._folder / "failed").touch()

    def _answer(self, name: str) -> None:
        found = self._asked(name).result()
        self._ahead.pop(name, None)
        if not found:
            (self._folder / "none" / name).touch()
            return
        self.given.add(name)
        (self._folder / "ahead" / name).rename(self._folder / "given" / name)
        for following in self._following(name)[:_AHEAD]:
            self._asked(following)

    def _asked(self, name: str) -> Future[bool]:
        if name not in self._ahead:
            self._ahead[name] = self._readers.submit(self._fetched, name)
        return self._ahead[name]

    def _fetched(self, name: str) -> bool:
        target = self._folder / "ahead" / name
        try:
            self._fetch(name, target)
        except NotFound:
            return False
        self._give(target)
        return True

    def _give(self, path: Path) -> None:
        if self._owner is not None:
            with suppress(FileNotFoundError):
                os.chown(path, *self._owner)
