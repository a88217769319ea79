"""One service of one region: calls that are paced, repeated where that is safe, and audited."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import ClientException
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

from springtide.clouds.audit import Act, AuditLog
from springtide.clouds.limiter import Limiters
from springtide.clouds.openstack.translation import translate_exception, translate_response
from springtide.errors import (
    BalancerBusy,
    Misconfigured,
    NotFound,
    RateLimited,
    ReplyLost,
    Retryable,
    SpringtideError,
)

if TYPE_CHECKING:
    from requests import Response

Body = dict[str, Any]
_ATTEMPTS = 5
_PATIENCE_S = 60.0
"""No repetition begins after it: a region that hangs must not hold up the round of the others."""
_LONGEST_PAUSE_S = 30.0
_MOST_PAGES = 100
_BACK_OFF = wait_exponential_jitter(initial=0.2, max=8, jitter=0.3)
_JSON = {"Accept": "application/json"}
"""Without it Octavia and Glance word their refusals as pages of HTML."""
_PATCH = _JSON | {"Content-Type": "application/openstack-images-v2.1-json-patch"}
_BYTES = "application/octet-stream"
_CHUNK_BYTES = 1 << 20
_TRANSFER_PAUSE_S = 600.0
"""Longest silence while content is sent: a store may take minutes to put away a large image."""
_VERSIONS = {"image": "/v2", "network": "/v2.0", "load-balancer": "/v2.0"}


class Service:
    """Calls to one service; every error is one of ours.

    What reads is repeated when it fails in passing. What changes is repeated only when the service
    said that it did not do it (429); after a 5xx or a lost reply it may have been done.
    """

    def __init__(
        self, adapter: Adapter, kind: str, region: str, *, limiters: Limiters, audit: AuditLog
    ) -> None:
        """`kind` is the service's type in the catalogue, e.g. `compute`."""
        self._adapter = adapter
        self._kind = kind
        self._region = region
        self._limiters = limiters
        self._audit = audit
        self.clock_offset_s: float | None = None
        """How far its clock was ahead of ours at the last answer, in seconds; None: not told."""

    @property
    def project_id(self) -> str:
        """The project that the token is for."""
        return str(self._adapter.get_project_id())

    def get(self, path: str, **params: object) -> Body:
        """The JSON answer of a read.

        Raises:
            SpringtideError: as the table of translations says, after the last repetition.
        """
        return self._repeating(
            lambda: self._send("GET", path, headers=_JSON, params=params), changing=False
        )

    def pages(self, path: str, key: str, *, limit: int, **params: object) -> Iterator[Body]:
        """Every item of a paginated listing, by markers; a page may be shorter than asked for.

        Raises:
            Retryable: the listing does not end.
        """
        marker: dict[str, object] = {}
        for _ in range(_MOST_PAGES):
            try:
                page = self.get(path, **params, **marker, limit=limit)
            except (Misconfigured, NotFound) as error:
                if not marker:
                    raise
                # The item that the page was to come after has been deleted meanwhile: Neutron
                # answers 404, the others 400.
                changed = f"{self._region} {self._kind}: {path} changed while it was read"
                raise Retryable(changed) from error
            items = page.get(key, [])
            yield from items
            if not items or not _goes_on(page, key):
                return
            marker = {"marker": items[-1]["id"]}
        raise Retryable(f"{self._region} {self._kind}: the listing {path} does not end")

    def change(self, method: str, path: str, body: Body | None = None, *, why: str) -> Body:
        """The JSON answer of a POST, PUT or DELETE, with its intent and outcome in the audit log.

        Raises:
            ReplyLost: it may have been made.
            SpringtideError: it was not, as the table of translations says.
        """
        return self._repeating(
            lambda: self._audited(method, path, why, headers=_JSON, json=body), changing=True
        )

    def patch(self, path: str, changes: list[Body], *, why: str) -> Body:
        """The JSON answer of a JSON patch, audited and repeated as a change is.

        Raises:
            ReplyLost: it may have been made.
            SpringtideError: it was not, as the table of translations says.
        """
        return self._repeating(
            lambda: self._audited("PATCH", path, why, headers=_PATCH, json=changes), changing=True
        )

    @contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """The content at that path, in chunks of at most 1 MiB; never read twice.

        Raises:
            SpringtideError: as the table of translations says; once it flows, what requests raises.
        """
        asked = self._answer("GET", path, headers={"Accept": _BYTES}, stream=True)
        with closing(asked) as response:
            yield response.iter_content(_CHUNK_BYTES)

    def upload(self, path: str, content: Iterable[bytes], *, size: int, why: str) -> None:
        """Send content of that many bytes as it comes, in constant memory, once.

        Raises:
            ReplyLost: it broke off, or no answer came: what is there now has to be looked up.
            SpringtideError: it was refused, as the table of translations says.
        """
        headers = _JSON | {"Content-Type": _BYTES}
        data = _Sized(content, size)
        self._audited(
            "PUT", path, why, headers=headers, data=data, timeout=_TRANSFER_PAUSE_S, log=False
        )

    def _audited(
        self,
        method: str,
        path: str,
        why: str,
        **kwargs: Any,  # noqa: ANN401 - requests' own
    ) -> Body:
        with self._audit.change(
            method, path, region=self._region, service=self._kind, why=why
        ) as act:
            try:
                answer = self._send(method, path, act, **kwargs)
            except SpringtideError as error:
                act.result = f"{type(error).__name__}: {error}"
                raise
            act.result = "done"
            return answer

    def _repeating(self, call: Any, *, changing: bool) -> Body:  # noqa: ANN401 - tenacity's own
        def passing(error: BaseException) -> bool:
            if isinstance(error, ReplyLost | BalancerBusy):
                return False
            return isinstance(error, RateLimited if changing else Retryable)

        repeating = Retrying(
            retry=retry_if_exception(passing),
            stop=stop_after_attempt(_ATTEMPTS) | stop_after_delay(_PATIENCE_S),
            wait=_pause,
            reraise=True,
        )
        answer: Body = repeating(call)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        act: Act | None = None,
        **kwargs: Any,  # noqa: ANN401 - requests' own
    ) -> Body:
        response = self._answer(method, path, act, **kwargs)
        try:
            body: Body = response.json() if response.content else {}
        except ValueError as error:
            lost = Retryable if method == "GET" else ReplyLost
            said = f"{self._what(method, path)}: {response.status_code} and no JSON"
            raise lost(said) from error
        return body

    def _answer(
        self,
        method: str,
        path: str,
        act: Act | None = None,
        **kwargs: Any,  # noqa: ANN401 - requests' own
    ) -> "Response":
        """The successful answer; its content is not looked at."""
        self._limiters.wait(self._region, self._kind)
        what, asked_at = self._what(method, path), time.time()
        try:
            response: Response = self._adapter.request(
                self._url(path), method, raise_exc=False, **kwargs
            )
        except ClientException as error:
            self._limiters.counts.count(self._region, self._kind, refused=False)
            raise translate_exception(error, what=what, changing=method != "GET") from error
        refused = response.status_code == HTTPStatus.TOO_MANY_REQUESTS
        self._limiters.counts.count(self._region, self._kind, refused=refused)
        self.clock_offset_s = _ahead_s(response, asked_at)
        if act is not None:
            act.request_id = response.headers.get("x-openstack-request-id")
        if not response.ok:
            raise translate_response(
                response, region=self._region, service=self._kind, method=method, path=path
            )
        return response

    def _what(self, method: str, path: str) -> str:
        return f"{self._region} {self._kind} {method} {path}"

    def _url(self, path: str) -> str:
        endpoint = (self._adapter.get_endpoint() or "").rstrip("/")
        version = _VERSIONS.get(self._kind, "")
        if version and not re.search(r"/v\d", endpoint):
            endpoint += version
        return endpoint + path


class _Sized:
    """Content of a known length: without one it goes in HTTP chunks, which some servers refuse."""

    def __init__(self, content: Iterable[bytes], size: int) -> None:
        self._content = content
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._content)


def _ahead_s(response: "Response", asked_at: float) -> float | None:
    """How far the Date header is outside the time of the call; 0 inside, None without one."""
    try:
        told = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except ValueError:
        return None
    # It has no fractions: any moment of its second may be meant.
    return max(told - time.time(), 0.0) + min(told + 1 - asked_at, 0.0)


def _goes_on(page: Body, key: str) -> bool:
    """Whether there is a next page; Neutron and Octavia link to the previous one as well."""
    links = page.get(f"{key}_links") or ()
    return bool(page.get("next")) or any(link.get("rel") == "next" for link in links)


def _pause(state: RetryCallState) -> float:
    """The server's own advice, else a growing pause with jitter."""
    error = state.outcome.exception() if state.outcome else None
    advised = error.retry_after_s if isinstance(error, Retryable) else None
    grown = float(_BACK_OFF(state))
    return grown if advised is None else min(advised, _LONGEST_PAUSE_S) + grown / 8
