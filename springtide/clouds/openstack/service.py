"""One service of one region: calls that are paced, repeated where that is safe, and audited."""

import re
from collections.abc import Iterator
from typing import Any

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

Body = dict[str, Any]
_ATTEMPTS = 5
_PATIENCE_S = 60.0
"""No repetition begins after it: a region that hangs must not hold up the round of the others."""
_LONGEST_PAUSE_S = 30.0
_MOST_PAGES = 100
_BACK_OFF = wait_exponential_jitter(initial=0.2, max=8, jitter=0.3)
_JSON = {"Accept": "application/json"}
"""Without it Octavia and Glance word their refusals as pages of HTML."""
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

    @property
    def project_id(self) -> str:
        """The project that the token is for."""
        return str(self._adapter.get_project_id())

    def get(self, path: str, **params: object) -> Body:
        """The JSON answer of a read.

        Raises:
            SpringtideError: as the table of translations says, after the last repetition.
        """
        return self._repeating(lambda: self._send("GET", path, params=params), changing=False)

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

        def audited() -> Body:
            with self._audit.change(
                method, path, region=self._region, service=self._kind, why=why
            ) as act:
                try:
                    answer = self._send(method, path, act, json=body)
                except SpringtideError as error:
                    act.result = f"{type(error).__name__}: {error}"
                    raise
                act.result = "done"
                return answer

        return self._repeating(audited, changing=True)

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
        self._limiters.wait(self._region, self._kind)
        what, changing = f"{self._region} {self._kind} {method} {path}", method != "GET"
        try:
            response = self._adapter.request(
                self._url(path), method, headers=_JSON, raise_exc=False, **kwargs
            )
        except ClientException as error:
            raise translate_exception(error, what=what, changing=changing) from error
        if act is not None:
            act.request_id = response.headers.get("x-openstack-request-id")
        if not response.ok:
            raise translate_response(
                response, what=what, region=self._region, service=self._kind, method=method
            )
        try:
            body: Body = response.json() if response.content else {}
        except ValueError as error:
            lost = ReplyLost if changing else Retryable
            raise lost(f"{what}: {response.status_code} and no JSON") from error
        return body

    def _url(self, path: str) -> str:
        endpoint = (self._adapter.get_endpoint() or "").rstrip("/")
        version = _VERSIONS.get(self._kind, "")
        if version and not re.search(r"/v\d", endpoint):
            endpoint += version
        return endpoint + path


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
