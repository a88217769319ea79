"""What every request passes on its way to a service: count, rate limit, token, faults."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from springtide.sandbox.faults import Call, FaultRule
from springtide.sandbox.protocol import Refused, refusal
from springtide.sandbox.world import CallKey, World

CLOSE = "springtide.close"
"""Key of the scope under which the server puts what closes the client's connection."""

OPEN = frozenset({("GET", path) for path in ("/", "/v2", "/v2.0", "/v3")}) | {
    ("POST", "/v3/auth/tokens")
}
"""What needs no token: the version documents, and asking for a token."""


class TokenBucket:
    """Lets through `rate` requests a second, and as many at once after a second's rest."""

    def __init__(self) -> None:
        """Start full."""
        self._left = math.inf
        self._at = time.monotonic()

    def wait_s(self, rate: float) -> float:
        """0 if a request may pass now (it is counted); else how long until one may."""
        now = time.monotonic()
        self._left = min(max(rate, 1.0), self._left + (now - self._at) * rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / rate
        self._left -= 1
        return 0.0


class _Dropped(Exception):
    """The connection is to be closed without a reply."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a request goes; no application where no route matches it."""

    application: ASGIApp | None
    template: str
    scope: Scope


class Gateway:
    """The door of one service in one region; an ASGI application."""

    def __init__(
        self, world: World, service: str, *, region: str | None, routes: Sequence[BaseRoute]
    ) -> None:
        """Open it; `region` is None for the identity service, which is one for all."""
        self._world = world
        self._service = service
        self._region = region
        self._routes = routes
        self._bucket = TokenBucket()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection."""
        self._world.agenda.run_due()
        path = scope["path"][len(scope["root_path"]) :].rstrip("/") or "/"
        target = self._target({**scope, "path": scope["root_path"] + path})
        call = Call(self._service, self._region, scope["method"], path)
        self._world.calls[
            CallKey(self._service, self._region or "", call.method, target.template)
        ] += 1
        try:
            for message in await self._answer(call, target, receive):
                await send(message)
        except ClientDisconnect:
            return
        except _Dropped:
            await _close(scope, receive)

    def _target(self, scope: Scope) -> _Target:
        known = False
        for route in self._routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return _Target(route.handle, getattr(route, "path", ""), {**scope, **child})
            known = known or match is Match.PARTIAL
        return _Target(None, "(method not allowed)" if known else "(not found)", scope)

    async def _answer(self, call: Call, target: _Target, receive: Receive) -> list[Message]:
        """The messages of the reply, once the request has had its effect."""
        try:
            receive = await _body_first(call, target.scope, receive)
            self._limit_rate()
            await asyncio.sleep(self._world.latency_s)
            self._check_token(call, target.scope)
            rule = self._world.faults.strike(call)
            if rule is not None and rule.when == "before":
                await self._suffer(rule, call)
            reply = await _collect(_application(target), target.scope, receive)
            if rule is not None and rule.when == "after":
                await self._suffer(rule, call)
        except Refused as refused:
            accept = Headers(scope=target.scope).get("Accept", "*/*")
            answer = refusal(self._service, refused, accept=accept)
            return await _collect(answer, target.scope, receive)
        return reply

    def _limit_rate(self) -> None:
        rate = self._world.requests_per_s
        wait_s = self._bucket.wait_s(rate) if rate is not None else 0.0
        if wait_s > 0:
            retry_after = {"Retry-After": str(math.ceil(wait_s))}
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", **retry_after)

    def _check_token(self, call: Call, scope: Scope) -> None:
        if (call.method, call.path) in OPEN:
            return
        token_id = Request(scope).headers.get("X-Auth-Token")
        if self._world.tokens.find(token_id) is None:
            message = "The request you have made requires authentication."
            raise Refused(HTTPStatus.UNAUTHORIZED, message)

    async def _suffer(self, rule: FaultRule, call: Call) -> None:
        if rule.effect == "hold":
            await self._world.faults.hold(call, rule.when)
        elif rule.effect == "drop" or rule.status is None:
            raise _Dropped
        else:
            seconds = rule.retry_after_s
            headers = {} if seconds is None else {"Retry-After": str(seconds)}
            raise Refused(rule.status, "A fault that was asked for", **headers)


def _application(target: _Target) -> ASGIApp:
    if target.application is not None:
        return target.application
    if target.template == "(not found)":
        raise Refused(HTTPStatus.NOT_FOUND, "The resource could not be found.")
    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed for this resource.")


async def _body_first(call: Call, scope: Scope, receive: Receive) -> Receive:
    """Read the body before anything else, so that an effect survives its client's death.

    An image's content is excepted, as it may be larger than memory.
    """
    if call.method in {"GET", "HEAD", "DELETE"} or call.path.endswith("/file"):
        return receive
    body = await Request(scope, receive).body()
    message: Message = {"type": "http.request", "body": body, "more_body": False}

    async def again() -> Message:
        return message

    return again


async def _collect(application: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await application(scope, receive, keep)
    return messages


async def _close(scope: Scope, receive: Receive) -> None:
    scope[CLOSE]()
    while (await receive())["type"] != "http.disconnect":
        continue
