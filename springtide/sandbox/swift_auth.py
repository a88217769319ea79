"""Who may use the sandbox's object store: a filter in the pipeline of Swift's proxy server.

It lets in one fixed token, and whom the sandbox's Keystone knows, where that is named. Swift's own
`tempauth` keeps its tokens in memcached, and Keystone's middleware needs a user of its own.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterable
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

REMEMBERED_S = 2.0
"""A token that Keystone has revoked is good for so long still."""
_MOST_REMEMBERED = 1000
_ANSWER_S = 10.0


class TokenFilter:
    """Passes on what one may do with its token, and refuses the rest as Keystone's filter does."""

    def __init__(self, application: Application, token: str, keystone_url: str) -> None:
        """`keystone_url` is its version 3 address; empty: only the fixed token counts."""
        self._application = application
        self._token = token
        self._keystone = urlsplit(keystone_url) if keystone_url else None
        self._projects: dict[str, tuple[float, str | None]] = {}

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The answer to one request, by the WSGI protocol."""
        # What it can do, it tells to everybody; a temporary URL has been checked already.
        if environ.get("PATH_INFO") == "/info" or environ.get("swift.authorize_override"):
            return self._application(environ, start_response)
        token = environ.get("HTTP_X_AUTH_TOKEN") or environ.get("HTTP_X_STORAGE_TOKEN") or ""
        try:
            status = self._refusal(token, environ.get("PATH_INFO", ""))
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            status = "503 Service Unavailable"
        if status is None:
            # As an operator of the account: who is none cannot set a container's key for links.
            environ["swift_owner"] = True
            return self._application(environ, start_response)
        # Swift takes a body in answer to HEAD for a mistake, and makes it 500.
        body = b"" if environ.get("REQUEST_METHOD") == "HEAD" else f"{status}\n".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    def _refusal(self, token: str, path: str) -> str | None:
        if compare_digest(token.encode(), self._token.encode()):
            return None
        project = self._project(token)
        if project is None:
            return "401 Unauthorized"
        account = path.split("/")[2:3]
        return None if account == [f"AUTH_{project}"] else "403 Forbidden"

    def _project(self, token: str) -> str | None:
        """The id of the token's project; None where Keystone does not know the token."""
        if not token or self._keystone is None:
            return None
        until, project = self._projects.get(token, (0.0, None))
        if until < time.monotonic():
            project = self._asked(token)
            if len(self._projects) >= _MOST_REMEMBERED:
                self._projects.clear()
            self._projects[token] = (time.monotonic() + REMEMBERED_S, project)
        return project

    def _asked(self, token: str) -> str | None:
        assert self._keystone is not None  # noqa: S101 - its caller has looked
        connection = http.client.HTTPConnection(self._keystone.netloc, timeout=_ANSWER_S)
        try:
            path = f"{self._keystone.path.rstrip('/')}/auth/tokens"
            headers = {"X-Auth-Token": token, "X-Subject-Token": token}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status in (401, 404):
                return None
            if answer.status != http.client.OK:
                raise OSError(f"Keystone answers {answer.status}")
            return str(json.loads(answer.read())["token"]["project"]["id"])
        finally:
            connection.close()


def filter_factory(_defaults: dict[str, str], **settings: str) -> Callable[..., TokenFilter]:
    """What Swift's pipeline calls with the settings of `[filter:auth]`."""

    def made(application: Application) -> TokenFilter:
        return TokenFilter(application, settings["token"], settings.get("keystone_url", ""))

    return made
