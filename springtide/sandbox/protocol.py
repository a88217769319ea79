"""What all services of the sandbox share on the wire: refusals, bodies, times, pages."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from springtide.sandbox.records import Document

JSON = "application/json"
ROUTING = "routing"
"""Kind of a refusal by Octavia's routing: what the path goes through does not exist."""
Item = TypeVar("Item")
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Endpoint: TypeAlias = tuple[str, str, Handler]
"""A method, the template of a path, and what answers it."""


class Refused(Exception):
    """The request is refused; the gateway words the answer as the service would."""

    def __init__(self, status: int, message: str, *, kind: str = "", **headers: str) -> None:
        """Say why, with the service's own type of error as `kind` where it has one."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.headers = headers


def _nova(refused: Refused) -> Document:
    names = {
        400: "badRequest",
        401: "unauthorized",
        403: "forbidden",
        404: "itemNotFound",
        405: "badMethod",
        409: "conflictingRequest",
        413: "overLimit",
        429: "overLimit",
        503: "serviceUnavailable",
    }
    name = names.get(refused.status, "computeFault")
    return {name: {"code": refused.status, "message": refused.message}}


def _neutron(refused: Refused) -> Document:
    kind = refused.kind or "HTTP" + HTTPStatus(refused.status).phrase.title().replace(" ", "")
    return {"NeutronError": {"type": kind, "message": refused.message, "detail": ""}}


def _octavia(refused: Refused) -> Document:
    if refused.kind == ROUTING:
        said = {"title": "Bad Request", "description": refused.message}
        return {"code": refused.status} | said
    faultcode = "Client" if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR else "Server"
    return {"faultcode": faultcode, "faultstring": refused.message, "debuginfo": None}


def _keystone(refused: Refused) -> Document:
    title = HTTPStatus(refused.status).phrase
    return {"error": {"code": refused.status, "message": refused.message, "title": title}}


def _glance(refused: Refused) -> Document:
    title = HTTPStatus(refused.status).phrase
    message = f"{refused.message}<br /><br />\n\n\n"
    return {"message": message, "code": f"{refused.status} {title}", "title": title}


_BODIES: dict[str, Callable[[Refused], Document]] = {
    "compute": _nova,
    "image": _glance,
    "network": _neutron,
    "load-balancer": _octavia,
}
_PAGE = """<html>
 <head>
  <title>{title}</title>
 </head>
 <body>
  <h1>{title}</h1>
  {message}<br /><br />
 </body>
</html>"""


def refusal(service: str, refused: Refused, *, accept: str = JSON) -> Response:
    """The answer with which `service` refuses: its own error body.

    Glance answers with a page of HTML whoever does not ask for JSON, and so does Octavia where it
    refuses a path rather than a request.
    """
    title = HTTPStatus(refused.status).phrase
    paged = service == "image" or (service == "load-balancer" and refused.kind == ROUTING)
    if paged and JSON not in accept:
        page = _PAGE.format(title=f"{refused.status} {title}", message=refused.message)
        return Response(page, refused.status, refused.headers, "text/html")
    body = _BODIES.get(service, _keystone)(refused)
    return JSONResponse(body, refused.status, refused.headers)


def routes_of(table: Iterable[Endpoint]) -> list[Route]:
    """A route for each endpoint, in the order in which they are tried."""
    return [Route(path, handler, methods=[verb], name=path) for verb, path, handler in table]


async def read_json(request: Request) -> Any:  # noqa: ANN401 - JSON may be anything
    """The request's body, read as JSON.

    Raises:
        Refused: 400, when it is none.
    """
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, "Malformed request body: it is not JSON") from error


async def read_object(request: Request, name: str) -> Document:
    """The JSON object under `name` in the request's body.

    Raises:
        Refused: 400, when the body is anything else.
    """
    body = await read_json(request)
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise Refused(400, f"Malformed request body: an object '{name}' is required")
    return found


async def read_tags(request: Request) -> list[str]:
    """The tags under `tags` in the request's body, each once.

    Raises:
        Refused: 400, when the body is anything else.
    """
    body = await read_json(request)
    tags = body.get("tags") if isinstance(body, dict) else None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Refused(400, "Malformed request body: a list of texts 'tags' is required")
    return list(dict.fromkeys(tags))


def base_url(request: Request) -> str:
    """The address under which the client reached the sandbox, without a path."""
    return f"{request.url.scheme}://{request.url.netloc}"


def stamp(at: datetime) -> str:
    """A moment as the services write it: UTC, whole seconds, Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_true(text: str | None) -> bool:
    """Whether a query argument means yes."""
    return (text or "").lower() in {"true", "1", "yes", "on", "t"}


def page_of(
    items: Sequence[Item], request: Request, *, most: int, identity: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None]:
    """The page that `limit` and `marker` ask for, and the marker of the next one.

    As the real services do, a full page has a next one, be it empty.

    Raises:
        Refused: 400, when the limit is no number or nothing has the marker's identity.
    """
    limit, marker = request.query_params.get("limit"), request.query_params.get("marker")
    if limit is not None and not limit.isdecimal():
        wrong = f"Value: {limit}. '{limit}' does not match '^[0-9]*$'"
        raise Refused(400, f"Invalid input for query parameters limit. {wrong}")
    start = 0
    if marker is not None:
        places = (at for at, item in enumerate(items) if identity(item) == marker)
        start = next(places, -1) + 1
        if start == 0:
            raise Refused(400, f"marker [{marker}] not found")
    size = min(int(limit) if limit else most, most)
    page = items[start : start + size]
    full = bool(page) and len(page) == size
    return page, identity(page[-1]) if full else None


def next_page(request: Request, marker: str) -> str:
    """The address of the page after `marker`, other query arguments kept."""
    return str(request.url.include_query_params(marker=marker))
