"""A running sandbox: in a thread of this process for tests, or blocking for the command line."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType
from typing import Literal, Self, TypeVar

import uvicorn
import yaml
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from springtide.sandbox.app import Cloud
from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.controls import Controls
from springtide.sandbox.gateway import CLOSE
from springtide.sandbox.handle import ControlHandle
from springtide.sandbox.keystone import credential_id
from springtide.sandbox.object_store import ObjectStore
from springtide.sandbox.sockets import listening_socket
from springtide.sandbox.world import World

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
CONTROL_TIMEOUT_S = 10.0

Auth = Literal["password", "v3applicationcredential"]
Result = TypeVar("Result")


class Sandbox(ControlHandle):
    """A sandbox in a thread of this process, for as long as the context lasts.

    `with Sandbox(SandboxConfig(speed=10)) as sandbox:` gives a cloud at `sandbox.url`.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        """Prepare one; nothing listens before the context is entered."""
        self.config = config or SandboxConfig()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="springtide-sandbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _Server | None = None
        self._cloud: Cloud | None = None
        self._failure: BaseException | None = None
        self._beside = ExitStack()
        self.object_store: ObjectStore | None = None
        """The Swift beside it, where the configuration wants one and while it runs."""
        self.port = self.config.port
        """Where it listens, on 127.0.0.1."""

    def __enter__(self) -> Self:
        """Start it; it answers when this returns.

        Raises:
            AddressBusyError: when an address that it needs is taken.
            HAProxyError: when HAProxy is installed and does not start.
            ObjectStoreError: when an object store is wanted that cannot be run here.
            TimeoutError: when it does not start in time.
        """
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise TimeoutError(f"the sandbox did not start within {START_TIMEOUT_S} s")
        if self._failure is not None:
            raise self._failure
        if self.config.object_store:
            try:
                self._start_object_store()
            except BaseException:
                self._stop()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it: held requests are released, connections closed."""
        self._stop()

    def _start_object_store(self) -> None:
        folder = self.config.object_store_folder
        if folder is None:
            made = TemporaryDirectory(prefix="springtide-objects-", ignore_cleanup_errors=True)
            folder = Path(self._beside.enter_context(made))
        store = ObjectStore(folder, keystone_url=f"{self.url}/identity/v3")
        self.object_store = self._beside.enter_context(store)
        world = self.world
        self.control(lambda _: world.register_elsewhere("object-store", "swift", store.url))

    def _stop(self) -> None:
        self._beside.close()
        self.control(Controls.clear_faults)
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)

    @property
    def url(self) -> str:
        """Its root: `/identity/v3` is the address to authenticate at."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def world(self) -> World:
        """Its state; to be read or changed within `control` alone, as it has its own thread."""
        return self._running.world

    @property
    def cloud(self) -> Cloud:
        """Its services and data plane; as with `world`."""
        return self._running

    @property
    def _running(self) -> Cloud:
        if self._cloud is None:
            raise RuntimeError("the sandbox is not running")
        return self._cloud

    def control(self, act: Callable[[Controls], Result]) -> Result:
        """What `act` returns or raises, done in the sandbox's own thread."""
        controls = self._running.controls
        if self._loop is None:
            raise RuntimeError("the sandbox is not running")

        async def acting() -> Result:
            return act(controls)

        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(CONTROL_TIMEOUT_S)

    def clouds_yaml(self, path: Path, cloud: str = "sandbox", *, auth: Auth = "password") -> Path:
        """Write a clouds.yaml that names the sandbox `cloud`, with every region; returns `path`."""
        entry = {
            "auth_type": auth,
            "auth": {"auth_url": f"{self.url}/identity/v3", **self._credentials(auth)},
            "regions": [region.name for region in self.config.regions],
            "identity_api_version": "3",
            "interface": "public",
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump({"clouds": {cloud: entry}}, file, sort_keys=False)
        return path

    def _credentials(self, auth: Auth) -> dict[str, str]:
        identity = self.config.identity
        if auth == "v3applicationcredential":
            return {
                "application_credential_id": credential_id(identity),
                "application_credential_secret": identity.credential_secret.get_secret_value(),
            }
        return {
            "username": identity.username,
            "password": identity.password.get_secret_value(),
            "project_name": self.world.project_name,
            "user_domain_id": "default",
            "project_domain_id": "default",
        }

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the thread that started it raises it
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        with listening_socket("127.0.0.1", self.config.port) as listener:
            self.port = listener.getsockname()[1]
            self._cloud = Cloud(self.config)
            self._server = _Server(
                uvicorn.Config(
                    self._cloud,
                    http=ClosableProtocol,
                    lifespan="off",
                    log_config=None,
                    log_level="warning",
                    access_log=False,
                    timeout_graceful_shutdown=2,
                ),
                self._ready,
            )
            async with self._cloud.running():
                await self._server.serve(sockets=[listener])


def serve(config: SandboxConfig, ready: Callable[[Sandbox], None]) -> None:
    """Run a sandbox until SIGTERM or SIGINT; `ready` is told when it answers.

    To be called in the main thread, where signals arrive.

    Raises:
        AddressBusyError: when an address that it needs is taken.
        HAProxyError: when HAProxy is installed and does not start.
        ObjectStoreError: when an object store is wanted that cannot be run here.
    """
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with Sandbox(config) as sandbox:
            ready(sandbox)
            ending.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


class ClosableProtocol(H11Protocol):
    """Lets the application close a client's connection without a reply."""

    # uvicorn narrows the transport's type in the same way.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a client's connection, whose replies are sent without a delay."""
        super().connection_made(transport)
        # asyncio does this itself for sockets that name their protocol, which ours may not. Without
        # it a reply's body waits for the client's delayed acknowledgement of its head: 40 ms.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        application = self.app

        async def closable(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CLOSE] = transport.close
            await application(scope, receive, send)

        self.app = closable
