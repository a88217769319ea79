"""A bound for request bodies, held while they arrive and whatever length they claim."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.surge_gateway.refusals import problem


class BodyLimit:
    """Middleware that refuses a body of more than `most` bytes with 413."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """`app` never sees a body that is larger."""
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body within its bound, then hand it on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        claimed = Headers(scope=scope).get("content-length", "0")
        body = b"" if claimed.isdigit() and int(claimed) <= self._most else None
        more = body is not None
        while body is not None and more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most:
                body = None
        if body is None:
            refusal = problem(Request(scope), 413, f"the body is larger than {self._most} bytes")
            await refusal(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
