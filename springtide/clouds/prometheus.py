"""One number from Prometheus, now.

Source: Prometheus HTTP API v1, "Instant queries".
"""

import math
from http import HTTPStatus
from typing import Any

import httpx

from springtide.errors import Misconfigured, Retryable
from springtide.model.traffic import MOST_SESSIONS, PrometheusQuery

_FIELD = "traffic.prometheus"
_MOST_BYTES = 65_536
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


async def query_sessions(wanted: PrometheusQuery, token: str | None = None) -> int:
    """The query's value now, rounded up.

    Raises:
        Misconfigured: Prometheus refuses the query or the token, or it gives more than one value.
        Retryable: it does not answer in time, fails, or has no sensible value just now.
    """
    url = f"{str(wanted.url).rstrip('/')}/api/v1/query"
    answer = await _ask(url, wanted, {"Authorization": f"Bearer {token}"} if token else {})
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {}
    said = str(body.get("error") or answer.status_code)[:300]
    if answer.is_server_error or answer.status_code in _PASSING:
        raise Retryable(f"Prometheus failed: {said}")
    if not answer.is_success:
        raise Misconfigured(f"Prometheus refuses the query: {said}", field=_FIELD)
    data = body.get("data")
    if body.get("status") != "success" or not isinstance(data, dict):
        raise Misconfigured(f"what answers is no Prometheus: {said}", field=f"{_FIELD}.url")
    return _count(_value(data))


async def _ask(url: str, wanted: PrometheusQuery, headers: dict[str, str]) -> httpx.Response:
    """The answer, whatever its status; read no further than an answer of one value can be long."""
    asked = {"query": wanted.query, "timeout": f"{wanted.timeout_s:g}s"}
    try:
        async with (
            # The environment's proxies are not for it: only the address in the estate is asked.
            httpx.AsyncClient(timeout=wanted.timeout_s, trust_env=False) as client,
            client.stream("GET", url, params=asked, headers=headers) as answer,
        ):
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > _MOST_BYTES:
                    raise Misconfigured("the query gives more than one value", field=_FIELD)
            return httpx.Response(answer.status_code, content=content)
    except httpx.HTTPError as error:
        raise Retryable(f"Prometheus does not answer: {type(error).__name__}") from error


def _value(data: dict[str, Any]) -> str:
    """The one value of a scalar, or of a vector of one series, as Prometheus writes it."""
    kind, result = data.get("resultType"), data.get("result")
    if kind == "vector" and result == []:
        raise Retryable("Prometheus has no value just now")
    if kind == "vector" and isinstance(result, list) and len(result) == 1:
        result = result[0].get("value") if isinstance(result[0], dict) else None
    elif kind != "scalar":
        how_many = len(result) if isinstance(result, list) else 0
        raise Misconfigured(
            f"the query gives {how_many} values of the kind {kind}", field=_FIELD, allowed="one"
        )
    match result:
        case [_, value]:
            return str(value)
    raise Retryable(f"Prometheus answers {str(result)[:100]}")


def _count(text: str) -> int:
    try:
        value = float(text)
    except ValueError as error:
        raise Retryable(f"Prometheus answers {text[:100]!r}") from error
    if not 0 <= value <= MOST_SESSIONS:  # NaN is not within either
        raise Retryable(f"Prometheus answers {text[:100]}, which is no count of sessions")
    return math.ceil(value)
