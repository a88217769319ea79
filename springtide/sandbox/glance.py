"""The image API, version 2: listing, uploading, downloading, deleting; content is in memory."""

from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from springtide.sandbox.protocol import (
    Endpoint,
    Refused,
    base_url,
    is_true,
    page_of,
    read_json,
    routes_of,
    stamp,
)
from springtide.sandbox.records import Document
from springtide.sandbox.regions import RegionState, content_fields
from springtide.sandbox.world import World

NOT_FILTERED_BY = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "member_status"})
READ_ONLY = frozenset(
    {"status", "checksum", "os_hash_algo", "os_hash_value", "size", "created_at", "updated_at"}
)
PATCHES = tuple(f"application/openstack-images-v2.{minor}-json-patch" for minor in (0, 1))
CONTENT = "application/octet-stream"


class Glance:
    """The image service of one region."""

    def __init__(self, world: World, region: str) -> None:
        """Serve the region of that name."""
        self._world = world
        self._name = region

    def routes(self) -> list[Route]:
        """Every route below the endpoint `/{region}/image`."""
        table: list[Endpoint] = [
            ("GET", "/", self._versions),
            ("GET", "/v2/images", self._list),
            ("POST", "/v2/images", self._create),
            ("GET", "/v2/images/{image_id}", self._show),
            ("PATCH", "/v2/images/{image_id}", self._patch),
            ("DELETE", "/v2/images/{image_id}", self._delete),
            ("PUT", "/v2/images/{image_id}/file", self._upload),
            ("GET", "/v2/images/{image_id}/file", self._download),
            ("PUT", "/v2/images/{image_id}/tags/{tag}", self._add_tag),
            ("DELETE", "/v2/images/{image_id}/tags/{tag}", self._delete_tag),
        ]
        return routes_of(table)

    @property
    def _region(self) -> RegionState:
        return self._world.regions[self._name]

    def _found(self, request: Request) -> Document:
        image_id = request.path_params["image_id"]
        image = self._region.images.get(image_id)
        if image is None:
            raise Refused(404, f"No image found with ID {image_id}")
        return image

    async def _versions(self, request: Request) -> Response:
        href = f"{base_url(request)}/{self._name}/image/v2/"
        links = [{"rel": "self", "href": href}]
        version = {"id": "v2.16", "status": "CURRENT", "links": links}
        return JSONResponse({"versions": [version]}, 300)

    async def _list(self, request: Request) -> Response:
        images = [_shown(image) for image in self._region.images.values()]
        filters = request.query_params.multi_items()
        if "os_hidden" not in request.query_params:
            filters.append(("os_hidden", "false"))
        for name, value in filters:
            if name not in NOT_FILTERED_BY:
                images = [image for image in images if _passes(image, name, value)]
        for key, direction in reversed(_order(request)):
            images.sort(key=lambda image: str(image.get(key)), reverse=direction == "desc")
        most = self._world.config.page_size
        page, marker = page_of(images, request, most=most, identity=lambda image: image["id"])
        body: Document = {"images": page, "first": "/v2/images", "schema": "/v2/schemas/images"}
        if marker is not None:
            following = request.url.include_query_params(marker=marker)
            body["next"] = f"/v2/images?{following.query}"
        return JSONResponse(body)

    async def _show(self, request: Request) -> Response:
        return JSONResponse(_shown(self._found(request)))

    async def _create(self, request: Request) -> Response:
        asked = await read_json(request)
        if not isinstance(asked, dict):
            raise Refused(400, "The body must be a JSON object.")
        if forbidden := READ_ONLY & set(asked):
            raise Refused(403, f"Attribute '{min(forbidden)}' is read-only.")
        image_id = str(asked.get("id") or self._world.new_id())
        if image_id in self._region.images:
            raise Refused(409, f"Image ID {image_id} already exists!")
        now = stamp(self._world.clock.now())
        image = {
            "name": None,
            "visibility": "shared",
            "protected": False,
            "os_hidden": False,
            "container_format": None,
            "disk_format": None,
            "min_disk": 0,
            "min_ram": 0,
            "size": None,
            "virtual_size": None,
            "checksum": None,
            "os_hash_algo": None,
            "os_hash_value": None,
            "tags": [],
            **asked,
            "id": image_id,
            "status": "queued",
            "owner": self._world.project_id,
            "created_at": now,
            "updated_at": now,
        }
        self._region.images[image_id] = image
        return JSONResponse(_shown(image), 201, {"Location": f"{request.url}/{image_id}"})

    async def _upload(self, request: Request) -> Response:
        image = self._found(request)
        if request.headers.get("Content-Type") != CONTENT:
            raise Refused(415, f"Invalid content type: {CONTENT} is required")
        if image["status"] != "queued":
            raise Refused(409, f"Image {image['id']} already has content.")
        image["status"] = "saving"
        content = bytearray()
        try:
            async for chunk in request.stream():
                content += chunk
        except ClientDisconnect:
            # As Glance does where it knows the length that was to come.
            image["status"] = "queued"
            raise
        if image["id"] not in self._region.images:
            raise Refused(410, f"Image {image['id']} could not be found after upload.")
        self._region.image_contents[image["id"]] = bytes(content)
        image |= {
            "status": "active",
            **content_fields(bytes(content)),
            "updated_at": stamp(self._world.clock.now()),
        }
        return Response(status_code=204)

    async def _download(self, request: Request) -> Response:
        image = self._found(request)
        content = self._region.image_contents.get(image["id"])
        if content is None:
            return Response(status_code=204)
        return Response(content, headers={"Content-MD5": image["checksum"]}, media_type=CONTENT)

    async def _patch(self, request: Request) -> Response:
        image = self._found(request)
        if request.headers.get("Content-Type") not in PATCHES:
            raise Refused(415, f"Accept-Patch: {', '.join(PATCHES)}")
        for change in await read_json(request):
            match change:
                case {"op": "remove", "path": str(path)}:
                    image.pop(_attribute(path), None)
                case {"op": "add" | "replace", "path": str(path), "value": value}:
                    image[_attribute(path)] = value
                case _:
                    raise Refused(400, f"There is no such change: {change!r:.100}")
        image["updated_at"] = stamp(self._world.clock.now())
        return JSONResponse(_shown(image))

    async def _delete(self, request: Request) -> Response:
        image = self._found(request)
        if image["protected"]:
            raise Refused(403, f"Image {image['id']} is protected and cannot be deleted.")
        del self._region.images[image["id"]]
        self._region.image_contents.pop(image["id"], None)
        return Response(status_code=204)

    async def _add_tag(self, request: Request) -> Response:
        image, tag = self._found(request), request.path_params["tag"]
        image["tags"] = sorted({*image["tags"], tag})
        return Response(status_code=204)

    async def _delete_tag(self, request: Request) -> Response:
        image, tag = self._found(request), request.path_params["tag"]
        if tag not in image["tags"]:
            raise Refused(404, f"Image {image['id']} has no tag {tag}")
        image["tags"] = [one for one in image["tags"] if one != tag]
        return Response(status_code=204)


def _shown(image: Document) -> Document:
    path = f"/v2/images/{image['id']}"
    return image | {"self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}


def _attribute(path: str) -> str:
    name = path.removeprefix("/")
    if name in READ_ONLY or "/" in name:
        raise Refused(403, f"Attribute '{name}' is read-only.")
    return name


def _passes(image: Document, name: str, value: str) -> bool:
    if name == "tag":
        return value in image["tags"]
    found: Any = image.get(name)
    if isinstance(found, bool):
        return found == is_true(value)
    if name == "visibility" and value == "all":
        return True
    if value.startswith("in:"):
        return str(found) in value.removeprefix("in:").split(",")
    return str(found) == value


def _order(request: Request) -> list[tuple[str, str]]:
    """Sort keys, the weightiest first; Glance lists the newest first unless told otherwise."""
    query = request.query_params
    if "sort" in query:
        parts = [part.partition(":") for part in query["sort"].split(",")]
        return [(key, direction or "desc") for key, _, direction in parts]
    return [(query.get("sort_key", "created_at"), query.get("sort_dir", "desc"))]
