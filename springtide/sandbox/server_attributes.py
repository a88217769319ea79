"""A server's metadata and tags, read and changed one by one or as a whole."""

from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from springtide.sandbox.protocol import Endpoint, Refused, read_object, read_tags
from springtide.sandbox.records import Document, Server
from springtide.sandbox.server_requests import Metadata, Tag, refused_input

_METADATA: TypeAdapter[Metadata] = TypeAdapter(Metadata)
_TAG: TypeAdapter[Tag] = TypeAdapter(Tag)


class ServerAttributes:
    """The part of the compute API that says what a server is marked with."""

    def __init__(self, found: Callable[[Request], Server]) -> None:
        """`found` gives the server that a request's path names, or refuses."""
        self._found = found

    def routes(self) -> list[Endpoint]:
        """Method, path and handler of every route."""
        return [
            ("GET", "/servers/{server_id}/metadata", self._show_metadata),
            ("POST", "/servers/{server_id}/metadata", self._add_metadata),
            ("PUT", "/servers/{server_id}/metadata", self._replace_metadata),
            ("GET", "/servers/{server_id}/metadata/{key}", self._show_item),
            ("PUT", "/servers/{server_id}/metadata/{key}", self._set_item),
            ("DELETE", "/servers/{server_id}/metadata/{key}", self._delete_item),
            ("GET", "/servers/{server_id}/tags", self._show_tags),
            ("PUT", "/servers/{server_id}/tags", self._replace_tags),
            ("DELETE", "/servers/{server_id}/tags", self._delete_tags),
            ("PUT", "/servers/{server_id}/tags/{tag}", self._add_tag),
            ("DELETE", "/servers/{server_id}/tags/{tag}", self._delete_tag),
        ]

    async def _show_metadata(self, request: Request) -> Response:
        return JSONResponse({"metadata": self._found(request).metadata})

    async def _add_metadata(self, request: Request) -> Response:
        server = self._found(request)
        server.metadata |= _metadata(await read_object(request, "metadata"))
        return JSONResponse({"metadata": server.metadata})

    async def _replace_metadata(self, request: Request) -> Response:
        server = self._found(request)
        server.metadata = _metadata(await read_object(request, "metadata"))
        return JSONResponse({"metadata": server.metadata})

    async def _show_item(self, request: Request) -> Response:
        server, key = self._found(request), request.path_params["key"]
        if key not in server.metadata:
            raise Refused(404, "Metadata item was not found")
        return JSONResponse({"meta": {key: server.metadata[key]}})

    async def _set_item(self, request: Request) -> Response:
        server, key = self._found(request), request.path_params["key"]
        item = _metadata(await read_object(request, "meta"))
        if list(item) != [key]:
            raise Refused(400, "Request body and URI mismatch")
        server.metadata |= item
        return JSONResponse({"meta": item})

    async def _delete_item(self, request: Request) -> Response:
        if self._found(request).metadata.pop(request.path_params["key"], None) is None:
            raise Refused(404, "Metadata item was not found")
        return Response(status_code=204)

    async def _show_tags(self, request: Request) -> Response:
        return JSONResponse({"tags": self._found(request).tags})

    async def _replace_tags(self, request: Request) -> Response:
        server = self._found(request)
        server.tags = [_tag(tag) for tag in await read_tags(request)]
        return JSONResponse({"tags": server.tags})

    async def _delete_tags(self, request: Request) -> Response:
        self._found(request).tags = []
        return Response(status_code=204)

    async def _add_tag(self, request: Request) -> Response:
        server, tag = self._found(request), _tag(request.path_params["tag"])
        if tag in server.tags:
            return Response(status_code=204)
        server.tags.append(tag)
        return Response(status_code=201)

    async def _delete_tag(self, request: Request) -> Response:
        server, tag = self._found(request), request.path_params["tag"]
        if tag not in server.tags:
            raise Refused(404, f"Server {server.id} has no tag '{tag}'")
        server.tags.remove(tag)
        return Response(status_code=204)


def _metadata(found: Document) -> Metadata:
    try:
        return _METADATA.validate_python(found)
    except ValidationError as error:
        raise refused_input(error) from error


def _tag(text: str) -> Tag:
    try:
        return _TAG.validate_python(text)
    except ValidationError as error:
        raise refused_input(error) from error
