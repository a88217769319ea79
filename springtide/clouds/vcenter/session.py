"""One session with a vCenter: verified, timed, and begun again where vCenter has ended it."""

import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from pyVmomi import SoapStubAdapter, vim

from springtide.clouds.vcenter.credentials import Credentials
from springtide.clouds.vcenter.translation import FAILURES, translate
from springtide.model.core import Core

R = TypeVar("R")

_API = "vim25/6.5"
"""All that is asked for is there since vSphere 6.5, and newer ones speak it. Fixed, because
pyVmomi's negotiation of versions is one more connection, and one without a time-out."""


class Session:
    """Calls of one user; safe for several threads."""

    def __init__(self, core: Core, credentials: Credentials, context: ssl.SSLContext) -> None:
        """Nothing is sent yet."""
        self._credentials = credentials
        self._lock = threading.Lock()
        self._content: Any = None
        self._logins = 0
        self.host = core.host
        self._stub = SoapStubAdapter(
            host=core.host,
            port=core.port,
            ns=_API,
            sslContext=context,
            httpConnectionTimeout=core.call_timeout_s,
            connectionPoolTimeout=60,
        )

    def call(self, ask: Callable[[Any], R], *, what: str, changing: bool = False) -> R:
        """What `ask` returns, given the service's content.

        Where the session has ended it logs in and asks once more: nothing was done by the first.

        Raises:
            SpringtideError: as the table says.
        """
        try:
            return self._asked(ask)
        except FAILURES as error:
            raise translate(error, what=what, changing=changing) from error

    def close(self) -> None:
        """Log out; whatever becomes of it, the session is not used any more."""
        with self._lock:
            content, self._content = self._content, None
        if content is not None:
            with suppress(*FAILURES):
                content.sessionManager.Logout()
        self._stub.DropConnections()

    def _asked(self, ask: Callable[[Any], R]) -> R:
        content, login = self._logged_in(None)
        try:
            return ask(content)
        except vim.fault.NotAuthenticated:
            # Refused at the door: nothing was done.
            pass
        content, _ = self._logged_in(login)
        return ask(content)

    def _logged_in(self, ended: int | None) -> tuple[Any, int]:
        """The content, and the number of the login; a new one where that one has ended."""
        with self._lock:
            if self._content is None or self._logins == ended:
                self._stub.SetSessionId(None)
                service: Any = vim.ServiceInstance("ServiceInstance", self._stub)
                content = service.RetrieveContent()
                user, password = self._credentials.user, self._credentials.password
                content.sessionManager.Login(user, password, None)
                self._content, self._logins = content, self._logins + 1
            return self._content, self._logins
