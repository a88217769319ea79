"""What a request meets on its way to a real service: the count, a fault, the service itself.

What the sandbox's gateway does for services of its own, done for services elsewhere: bodies are
passed on as they come, so an image of any size goes through.
"""

import re
import ssl
from collections.abc import AsyncIterator, Iterable

import httpx
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from springtide.sandbox.faults import Call, FaultRule
from springtide.sandbox.gateway import CLOSE
from springtide.sandbox.protocol import Refused, refusal
from springtide.sandbox.world import CallKey, World

TIMEOUT_S = 600.0
READ_FIRST_BYTES = 1 << 20
"""Bodies up to here are read before anything else, so an effect survives its client's death."""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Every target speaks plain HTTP; loading certificates for each would take most of the start."""

Header = tuple[bytes, bytes]

_ROOTS = {
    "compute": re.compile(r"/v2(\.\d+)?(/[0-9a-f]{32})?(?=/|$)"),
    "object-store": re.compile(r"/v1/[^/]+"),
    "orchestration": re.compile(r"/v1/[^/]+"),
}
"""What the catalogue's address already holds; the other services' paths name their version."""
_OBJECT = re.compile(r"/[^/]+(/.+)?")
_IDENTIFIER = re.compile(r"(?<=/)[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?=/|$)")
_HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization"),
        *(b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        b"expect",  # answered by this server, once it reads the body
    }
)


class Dropped(Exception):
    """The client's connection is to be closed without a (whole) reply."""


class Target:
    """A real service, reached over connections that are kept."""

    def __init__(self, url: str) -> None:
        """Reach it at `url`, which has no path; nothing is connected yet."""
        self._url = httpx.URL(url)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        # Of httpx the transport alone: redirects, cookies and proxies are the client's own affair.
        self._transport = httpx.AsyncHTTPTransport(_NO_TLS, limits=limits, trust_env=False)

    async def ask(self, scope: Scope, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
        """Its answer to the request, whose body is still to be read and closed.

        Raises:
            Refused: 502, when it is not to be reached or breaks off.
        """
        query = scope["query_string"]
        timeouts = httpx.Timeout(TIMEOUT_S).as_dict()
        request = httpx.Request(
            scope["method"],
            self._url,
            headers=_end_to_end(scope["headers"]),
            content=body,
            # Sent as it came: an address taken apart and put together may be another one.
            extensions={
                "target": scope["raw_path"] + (b"?" + query if query else b""),
                "timeout": timeouts,
            },
        )
        try:
            return await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise Refused(502, f"{self._url} does not answer: {error!r}") from error


class Door:
    """The door of one service in one region; an ASGI application."""

    def __init__(self, world: World, service: str, *, region: str | None, target: Target) -> None:
        """Stand before `target`; `region` is None for a service that is one for all."""
        self._world = world
        self._service = service
        self._region = region
        self._target = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and its answer back, or do what a fault asks for."""
        path = path_below_root(self._service, scope["path"])
        call = Call(self._service, self._region, scope["method"], path)
        key = CallKey(call.service, call.region or "", call.method, template_of(call))
        self._world.calls[key] += 1
        try:
            response = await self._answer(call, scope, receive)
            await _pass_on(response, send)
        except Refused as refused:
            await refusal(self._service, refused)(scope, receive, send)
        except ClientDisconnect:
            return
        except Dropped:
            await _close(scope, receive)

    async def _answer(self, call: Call, scope: Scope, receive: Receive) -> httpx.Response:
        body = await _body(scope, receive)
        rule = self._world.faults.strike(call)
        if rule is not None and rule.when == "before":
            await self._suffer(rule, call)
        response = await self._target.ask(scope, body)
        if rule is not None and rule.when == "after":
            await self._suffer_after(rule, call, response)
        return response

    async def _suffer_after(self, rule: FaultRule, call: Call, response: httpx.Response) -> None:
        try:
            await self._suffer(rule, call)
        except (Refused, Dropped):
            await _discard(response)
            raise

    async def _suffer(self, rule: FaultRule, call: Call) -> None:
        if rule.effect == "hold":
            await self._world.faults.hold(call, rule.when)
        elif rule.effect == "drop" or rule.status is None:
            raise Dropped
        else:
            seconds = rule.retry_after_s
            headers = {} if seconds is None else {"Retry-After": str(seconds)}
            raise Refused(rule.status, "A fault that was asked for", **headers)


def path_below_root(service: str, path: str) -> str:
    """The path as fault rules see it: after the service's root, without a slash at its end."""
    root = _ROOTS.get(service)
    found = root.match(path) if root is not None else None
    return (path[found.end() :] if found else path).rstrip("/") or "/"


def template_of(call: Call) -> str:
    """What a request's path is counted under: `/servers/{id}`, `/{container}/{object}`."""
    if call.service == "object-store" and (found := _OBJECT.fullmatch(call.path)):
        return "/{container}/{object}" if found[1] else "/{container}"
    return _IDENTIFIER.sub("{id}", call.path)


def _end_to_end(headers: Iterable[Header]) -> list[Header]:
    """The headers that are meant for the other end, Host among them."""
    kept = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
    listed = [value for name, value in headers if name.lower() == b"connection"]
    named = {option.strip().lower() for value in listed for option in value.split(b",")}
    return [(name, value) for name, value in kept if name.lower() not in named]


async def _body(scope: Scope, receive: Receive) -> bytes | AsyncIterator[bytes]:
    headers = Headers(scope=scope)
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return b""
    request = Request(scope, receive)
    if length is not None and int(length) <= READ_FIRST_BYTES:
        return await request.body()
    return request.stream()


async def _pass_on(response: httpx.Response, send: Send) -> None:
    """Send the answer to the client as it comes.

    Raises:
        Dropped: when it breaks off: the client shall see that it is not whole.
    """
    headers = _end_to_end(response.headers.raw)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    try:
        async for part in response.aiter_raw():
            await send({"type": "http.response.body", "body": part, "more_body": True})
    except httpx.TransportError as error:
        raise Dropped from error
    finally:
        await response.aclose()
    await send({"type": "http.response.body", "body": b""})


async def _discard(response: httpx.Response) -> None:
    """Read the answer to its end, as the client it was meant for would have done."""
    try:
        async for _ in response.aiter_raw():
            continue
    except httpx.TransportError:
        return
    finally:
        await response.aclose()


async def _close(scope: Scope, receive: Receive) -> None:
    scope[CLOSE]()
    while (await receive())["type"] != "http.disconnect":
        continue
