"""A real HAProxy as a child: a backend for each pool, and the customer's entry before them.

It is configured once, at start. Servers come, change and go by its runtime API, without reload.
"""

import asyncio
import csv
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from springtide.sandbox.haproxy_configuration import FRONT, Backend, configuration


class HAProxyError(RuntimeError):
    """HAProxy did not start, has ended, or did not do as it was told."""


class Check(NamedTuple):
    """How a server's health is checked; times in seconds."""

    interval_s: int
    rise: int
    fall: int
    address: str | None = None
    port: int | None = None


class Target(NamedTuple):
    """A server of a backend."""

    address: str
    port: int
    weight: int = 1
    backup: bool = False
    check: Check | None = None


class Row(NamedTuple):
    """What HAProxy's statistics say of one frontend or server."""

    status: str
    """For a server: UP, DOWN, MAINT, no check …"""
    check_status: str
    """INI before the first check has ended."""
    sessions: int
    sessions_total: int
    bytes_in: int
    bytes_out: int
    request_errors: int


Statistics = Mapping[tuple[str, str], Row]
"""By backend and server, or by frontend and FRONTEND."""


def haproxy_binary() -> str | None:
    """The path of HAProxy's program, or None where it is not installed."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


class HAProxy:
    """One HAProxy process, from `start` to `stop`."""

    def __init__(self, binary: str) -> None:
        """Remember the program; nothing runs yet."""
        self._binary = binary
        self._folder = tempfile.TemporaryDirectory(prefix="springtide-haproxy-")
        self._process: asyncio.subprocess.Process | None = None
        self._servers: dict[str, dict[str, Target]] = {}
        self._in_front: set[str] = set()
        self._retired: dict[tuple[str, str], Target] = {}
        self._reaper: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def start(self, backends: Mapping[Backend, socket.socket], front: socket.socket) -> None:
        """Run on those listening sockets, with empty backends; ready when it returns.

        Raises:
            HAProxyError: when it does not start; with what it said.
        """
        sockets = [*backends.values(), front]
        fds = {backend: held.fileno() for backend, held in backends.items()}
        path = Path(self._folder.name)
        text = configuration(fds, front_fd=front.fileno(), runtime_socket=self._runtime_socket)
        (path / "haproxy.cfg").write_text(text, encoding="ascii")
        with (path / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_dying_with_us(),
                self._binary,
                "-db",
                "-f",
                str(path / "haproxy.cfg"),
                stdout=log,
                stderr=log,
                pass_fds=[held.fileno() for held in sockets],
            )
        self._servers = {backend.name: {} for backend in backends}
        self._in_front = {backend.name for backend in backends if backend.in_front}
        await self._ready()
        self._reaper = asyncio.get_running_loop().create_task(self._reap())

    @property
    def pid(self) -> int | None:
        """The process's id; None before it is started."""
        return self._process.pid if self._process is not None else None

    async def stop(self) -> None:
        """End the process, and leave nothing behind."""
        if self._reaper is not None:
            self._reaper.cancel()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._folder.cleanup()

    async def sync(self, backend: str, wanted: Mapping[str, Target]) -> None:
        """Make a backend's servers those that are wanted, by name.

        Those that go take no new connection from now on, and keep the ones they have until
        these end. A changed check takes effect for servers added later only.

        Raises:
            HAProxyError: when a wanted server is not there afterwards.
        """
        async with self._turn:
            known = self._servers[backend] | self._returning(backend, wanted)
            serves = _serves(backend, wanted, await self.statistics())
            answers = await self._run([*_additions(backend, known, wanted)])
            back = known.keys() - self._servers[backend].keys()
            await self._run([f"set server {backend}/{name} state ready" for name in back])
            gone = {name: known[name] for name in known.keys() - wanted.keys()}
            leaving = [f"set server {backend}/{name} state maint" for name in gone]
            # The customer's entry would learn by its next check only. It is told in one breath with
            # the last server's end: two regions that are emptied at once would hand a request to
            # and fro until its tries are used up.
            entry = f"set server {FRONT}/{backend} health" if backend in self._in_front else ""
            told = [f"{entry} down"] if entry and not serves else []
            answers += await self._run([*told, *_weights(backend, known, wanted), *leaving])
            if entry and serves:
                await self._command(f"{entry} up")
            self._retired |= {(backend, name): target for name, target in gone.items()}
            self._servers[backend] = dict(wanted)
            there = await self.statistics()
        missing = [name for name in wanted if (backend, name) not in there]
        if missing:
            raise HAProxyError(f"{backend}: {len(missing)} servers not added: {answers.strip()}")

    async def statistics(self) -> Statistics:
        """What each frontend and server does now."""
        text = await self._command("show stat -1 5 -1")
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        return {(row["pxname"], row["svname"]): _row(row) for row in rows}

    async def _ready(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                await self._command("show info")
            except HAProxyError:
                if self._process is None or self._process.returncode is not None:
                    break
                await asyncio.sleep(0.02)
            else:
                return
        said = (Path(self._folder.name) / "log").read_text(encoding="utf-8", errors="replace")
        await self.stop()
        raise HAProxyError(f"HAProxy did not start: {said.strip()}")

    async def _run(self, commands: Sequence[str]) -> str:
        """What HAProxy says to those commands, a few dozen of them in each line it reads."""
        lines = [commands[i : i + _PER_LINE] for i in range(0, len(commands), _PER_LINE)]
        return "".join([await self._command("; ".join(line)) for line in lines])

    async def _command(self, line: str) -> str:
        try:
            reader, writer = await asyncio.open_unix_connection(self._runtime_socket)
            writer.write(line.encode() + b"\n")
            answer = await asyncio.wait_for(reader.read(), _ANSWER_S)
        except (OSError, TimeoutError) as error:
            raise HAProxyError(f"HAProxy does not answer: {error!r}") from error
        writer.close()
        return answer.decode()

    def _returning(self, backend: str, wanted: Mapping[str, Target]) -> dict[str, Target]:
        """Those wanted again before they were deleted; they are retired no more."""
        names = [name for name in wanted if (backend, name) in self._retired]
        return {name: self._retired.pop((backend, name)) for name in names}

    async def _reap(self) -> None:
        """Delete retired servers; HAProxy refuses while one has connections."""
        while True:
            await asyncio.sleep(_REAP_S)
            async with self._turn:
                for backend, name in tuple(self._retired):
                    try:
                        answer = await self._command(f"del server {backend}/{name}")
                    except HAProxyError:
                        return
                    if "still has connections" not in answer:
                        del self._retired[backend, name]

    @property
    def _runtime_socket(self) -> str:
        return os.path.join(self._folder.name, "runtime")  # noqa: PTH118 - goes out as text


def _additions(
    backend: str, known: Mapping[str, Target], wanted: Mapping[str, Target]
) -> Iterable[str]:
    for name, target in wanted.items():
        if name not in known:
            server = f"{backend}/{name}"
            yield f"add server {server} {target.address}:{target.port} {_options(target)}"
            if target.check is not None:
                yield f"enable health {server}"
            yield f"enable server {server}"


def _serves(backend: str, wanted: Mapping[str, Target], now: Statistics) -> bool:
    """Whether any of them will take requests; a new one does until its first check has ended."""
    names = (name for name, target in wanted.items() if target.weight)
    rows = (now.get((backend, name)) for name in names)
    return any(row is None or not row.status.startswith("DOWN") for row in rows)


def _options(target: Target) -> str:
    options = [f"weight {target.weight}"]
    if target.backup:
        options.append("backup")
    check = target.check
    if check is not None:
        options.append(f"check inter {check.interval_s}s rise {check.rise} fall {check.fall}")
        options += [f"addr {check.address}"] if check.address is not None else []
        options += [f"port {check.port}"] if check.port is not None else []
    return " ".join(options)


def _weights(
    backend: str, known: Mapping[str, Target], wanted: Mapping[str, Target]
) -> Iterable[str]:
    for name in known.keys() & wanted.keys():
        if known[name].weight != wanted[name].weight:
            yield f"set server {backend}/{name} weight {wanted[name].weight}"


def _row(row: Mapping[str, str]) -> Row:
    numbers = (int(row[name] or 0) for name in ("scur", "stot", "bin", "bout", "ereq"))
    return Row(row["status"], row["check_status"], *numbers)


def _dying_with_us() -> list[str]:
    """What makes the kernel end a child whose parent was killed, where util-linux has it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


_START_S: Final = 5.0
_END_S: Final = 5.0
_ANSWER_S: Final = 5.0
_REAP_S: Final = 0.2
_PER_LINE: Final = 60
"""Commands joined in one line, which must fit into HAProxy's buffer of 16 KiB."""
