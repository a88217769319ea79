"""The sandbox's object store: a real Swift in four child processes, with one replica in a folder.

It needs no root: an ordinary folder whose file system keeps extended attributes, and the package
`swift` (extra `sandbox`). What is stored outlives the processes: a later store on the same folder
has it still.
"""

import http.client
import os
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import NAMESPACE_URL, uuid5

from springtide.sandbox.sockets import free_port
from springtide.sandbox.swift_configuration import swift_files
from springtide.sandbox.swift_server import DEVICE, RINGED

START_S = 90.0
"""Four Pythons start at once; a busy machine takes its time."""
END_S = 10.0
ACCOUNT = f"AUTH_{uuid5(NAMESPACE_URL, 'project/springtide').hex}"
"""Of the project that the sandbox's Keystone gives tokens for."""
_KINDS = ("proxy", *RINGED)
_LOOK_S = 0.05
_ANSWER_S = 10.0
_TOLD_BYTES = 2000
_ROOT = Path(__file__).resolve().parents[2]


class ObjectStoreError(RuntimeError):
    """The object store cannot be run here, or did not start."""


class ObjectStore:
    """A Swift on loopback, for as long as the context lasts.

    `with ObjectStore(folder) as store:` gives an account at `store.url` to whom has `store.token`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: str | None = None,
        keystone_url: str | None = None,
        python: str = sys.executable,
    ) -> None:
        """Prepare one; nothing runs before the context is entered.

        `token` is let in whatever Keystone says; one is made up where none is given.
        `keystone_url` is the version 3 address of a Keystone whose tokens count as well.
        `python` is the interpreter whose Swift is run: ours, or that of an operating system.
        """
        self._folder = folder.resolve()
        self._python = python
        self._child = (python, "-m", "springtide.sandbox.swift_server")
        self.token = token or secrets.token_hex(16)
        self._keystone_url = keystone_url
        self._ports: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._our_end: int | None = None

    def __enter__(self) -> Self:
        """Start it; it answers when this returns.

        Raises:
            ObjectStoreError: it cannot be run here, or does not start.
        """
        self.check()
        self._ports = _free_ports()
        try:
            self._prepare()
            self._start()
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; what was stored stays."""
        self.stop()

    def check(self) -> None:
        """Return where it can be run.

        Raises:
            ObjectStoreError: the package is missing, or the folder's file system is not fit.
        """
        if not self._has_swift():
            raise ObjectStoreError(
                f"{self._python} has no package swift: the object store needs springtide[sandbox]"
            )
        probe = self._folder / "devices" / ".probe"
        try:
            (self._folder / "devices" / DEVICE).mkdir(parents=True, exist_ok=True)
            probe.touch()
            os.setxattr(probe, "user.springtide", b"1")
            probe.unlink()
        except (OSError, AttributeError) as error:  # only Linux has the call
            raise ObjectStoreError(
                f"Swift needs a folder whose file system keeps extended attributes: {error}"
            ) from error

    @property
    def url(self) -> str:
        """The storage URL: the account's address."""
        return f"http://127.0.0.1:{self._ports['proxy']}/v1/{ACCOUNT}"

    @property
    def pids(self) -> dict[str, int]:
        """The processes by kind: proxy, account, container, object."""
        return {kind: process.pid for kind, process in self._processes.items()}

    def stop(self) -> None:
        """End the processes; may be called twice."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + END_S
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._our_end is not None:
            os.close(self._our_end)
            self._our_end = None

    def _has_swift(self) -> bool:
        if self._python == sys.executable:
            return find_spec("swift") is not None
        command = [self._python, "-c", "import swift"]
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(  # noqa: S603 - an interpreter that the caller names
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_S, check=False
            )
            return done.returncode == 0
        return False

    def _prepare(self) -> None:
        etc = self._folder / "etc"
        etc.mkdir(mode=0o700, exist_ok=True)
        (self._folder / "log").mkdir(exist_ok=True)
        files = swift_files(etc, self._ports, token=self.token, keystone_url=self._keystone_url)
        for name, text in files.items():
            (etc / name).write_text(text, encoding="utf-8")
        ports = [str(self._ports[kind]) for kind in RINGED]
        with self._log("rings").open("wb") as log:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module
                [*self._child, "rings", str(etc), *ports],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                timeout=START_S,
                check=False,
            )
        if done.returncode:
            raise ObjectStoreError(f"the rings were not made: {self._told('rings')}")

    def _start(self) -> None:
        theirs, self._our_end = os.pipe()
        try:
            for kind in _KINDS:
                configuration = self._folder / "etc" / f"{kind}-server.conf"
                with self._log(kind).open("wb") as log:
                    self._processes[kind] = subprocess.Popen(  # noqa: S603 - as above
                        [*self._child, kind, str(configuration), str(theirs)],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=_environment(),
                        pass_fds=[theirs],
                    )
        finally:
            os.close(theirs)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        waiting = dict.fromkeys(RINGED, "/healthcheck") | {"proxy": f"/v1/{ACCOUNT}"}
        while waiting:
            for kind, path in tuple(waiting.items()):
                if self._answers(kind, path):
                    del waiting[kind]
                elif self._processes[kind].poll() is not None or time.monotonic() > deadline:
                    raise ObjectStoreError(
                        f"Swift's {kind} server did not start: {self._told(kind)}"
                    )
            time.sleep(_LOOK_S)

    def _answers(self, kind: str, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[kind], timeout=_ANSWER_S)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", path, headers={"X-Auth-Token": self.token})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status in (http.client.OK, http.client.NO_CONTENT)
        connection.close()
        return False

    def _log(self, name: str) -> Path:
        return self._folder / "log" / f"{name}.log"

    def _told(self, name: str) -> str:
        """The end of what it said."""
        said = self._log(name).read_bytes()[-_TOLD_BYTES:]
        return said.decode(errors="replace").strip() or "it said nothing"


def _free_ports() -> dict[str, int]:
    """One for each kind, by twice as many draws: two may draw the same."""
    found = {free_port() for _ in range(2 * len(_KINDS))}
    return dict(zip(_KINDS, sorted(found), strict=False))


def _environment() -> dict[str, str]:
    """Ours, with this very library where the children find it."""
    known = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{_ROOT}{os.pathsep}{known}" if known else str(_ROOT)}
