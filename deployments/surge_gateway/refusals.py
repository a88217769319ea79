"""How the gateway says no: every refusal is a `Problem`, and a line in the log, hard to forge."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from deployments.surge_gateway.bodies import Mistake, Problem
from springtide.errors import NotFound, Retryable, SpringtideError

logger = logging.getLogger(__name__)
_LOGGED = 1000
"""Characters of a caller's words that are logged."""
_TITLES = {
    401: "no known token: send Authorization: Bearer …",
    429: "too many requests",
    500: "the gateway failed: what became of the request is not known, it may be sent again",
}
_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": "60"},
    503: {"Retry-After": "5"},
}


class Refusal(Exception):
    """A request that is refused, with the status that says why."""

    def __init__(self, status: int, title: str = "", *, retry_after_s: int | None = None) -> None:
        """`title` is empty where the status has one of its own, `retry_after_s` None likewise."""
        super().__init__(title)
        self.status = status
        self.title = title or _TITLES[status]
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}


def handle_refusals(app: FastAPI) -> None:
    """Have every refusal of `app` be a `Problem`, and be logged without anything secret."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> JSONResponse:
        return problem(request, error.status, error.title, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        return problem(request, error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = tuple(
            Mistake(field=".".join(str(part) for part in each["loc"][1:]), detail=each["msg"])
            for each in error.errors()
        )
        return problem(request, 422, "the request is not what it should be", found)

    @app.exception_handler(SpringtideError)
    async def failed(request: Request, error: SpringtideError) -> JSONResponse:
        known = ((NotFound, 404), (Retryable, 503))
        status = next((code for kind, code in known if isinstance(error, kind)), 502)
        return problem(request, status, str(error))

    @app.exception_handler(Exception)
    async def broken(request: Request, _error: Exception) -> JSONResponse:
        return problem(request, 500, _TITLES[500])


def problem(
    request: Request,
    status: int,
    title: str,
    mistakes: tuple[Mistake, ...] = (),
    *,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer that says why not; it is logged with the caller's name, where that is known."""
    why = "; ".join((title, *(f"{m.field}: {m.detail}" for m in mistakes)))
    logger.warning(
        # Quoted: what a caller sends must not look like a line of ours, nor fill the log.
        "refused=%d caller=%s method=%s path=%r why=%r",
        status,
        getattr(request.state, "caller", "unknown"),
        request.method,
        request.url.path[:_LOGGED],
        why[:_LOGGED],
    )
    told = Problem(status=status, title=title, mistakes=mistakes).model_dump(mode="json")
    return JSONResponse(told, status, {**_HEADERS.get(status, {}), **(headers or {})})
