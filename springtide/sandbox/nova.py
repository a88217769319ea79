"""The compute API, version 2.1: servers, and by its siblings all that belongs to them."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from springtide.sandbox.compute_quota import SERVER_GROUP_MEMBERS, allowed_count
from springtide.sandbox.microversions import (
    NEWEST,
    OLDEST,
    microversion_of,
    versioned,
    written,
)
from springtide.sandbox.nova_project import NovaProject
from springtide.sandbox.protocol import (
    Endpoint,
    Refused,
    base_url,
    next_page,
    page_of,
    read_json,
    read_object,
    routes_of,
    stamp,
)
from springtide.sandbox.records import Document, Server
from springtide.sandbox.regions import RegionState
from springtide.sandbox.server_attributes import ServerAttributes
from springtide.sandbox.server_queries import matching_servers
from springtide.sandbox.server_requests import parse_create, resolve_launch
from springtide.sandbox.server_views import listed_server_document, server_document, server_links
from springtide.sandbox.servers import Servers
from springtide.sandbox.world import World


class Nova:
    """The compute service of one region."""

    def __init__(self, world: World, region: str) -> None:
        """Serve the region of that name."""
        self._world = world
        self._name = region
        self._servers = Servers(world, region)
        self._project = NovaProject(world, region)

    def routes(self) -> list[Route]:
        """Every route below the endpoint `/{region}/compute/v2.1`."""
        own = [
            ("GET", "/", self._version),
            ("GET", "/servers", self._list),
            ("GET", "/servers/detail", self._list_details),
            ("POST", "/servers", self._create),
            ("GET", "/servers/{server_id}", self._show),
            ("PUT", "/servers/{server_id}", self._update),
            ("DELETE", "/servers/{server_id}", self._delete),
            ("POST", "/servers/{server_id}/action", self._act),
            ("GET", "/servers/{server_id}/os-instance-actions", self._actions),
        ]
        table: list[Endpoint] = [
            *own,
            *ServerAttributes(self._found).routes(),
            *self._project.routes(),
        ]
        return routes_of((verb, path, versioned(handler)) for verb, path, handler in table)

    @property
    def _region(self) -> RegionState:
        return self._world.regions[self._name]

    def _base(self, request: Request) -> str:
        return f"{base_url(request)}/{self._name}/compute/v2.1"

    def _found(self, request: Request) -> Server:
        server_id = request.path_params["server_id"]
        server = self._region.servers.get(server_id)
        if server is None:
            raise Refused(404, f"Instance {server_id} could not be found.")
        return server

    def _found_or_deleted(self, request: Request) -> Server:
        """From 2.21 on, the actions of a server that is gone are told, too."""
        gone = self._region.deleted_servers.get(request.path_params["server_id"])
        return gone if gone and microversion_of(request) >= (2, 21) else self._found(request)

    def _shown(self, server: Server, request: Request) -> Document:
        version = microversion_of(request)
        return server_document(server, self._region, self._base(request), version=version)

    async def _version(self, request: Request) -> Response:
        version = {
            "id": "v2.1",
            "status": "CURRENT",
            "version": written(NEWEST),
            "min_version": written(OLDEST),
            "updated": "2013-07-23T11:33:21Z",
            "links": [{"rel": "self", "href": self._base(request) + "/"}],
            "media-types": [],
        }
        return JSONResponse({"version": version})

    async def _list(self, request: Request) -> Response:
        page, links = self._page(request)
        base = self._base(request)
        return JSONResponse({"servers": [server_links(base, server) for server in page]} | links)

    async def _list_details(self, request: Request) -> Response:
        page, links = self._page(request)
        base, version, region = self._base(request), microversion_of(request), self._region
        shown = [listed_server_document(one, region, base, version=version) for one in page]
        return JSONResponse({"servers": shown} | links)

    def _page(self, request: Request) -> tuple[list[Server], Document]:
        found = matching_servers(self._region, request)
        most = self._world.config.page_size
        page, marker = page_of(found, request, most=most, identity=lambda server: server.id)
        if marker is None:
            return list(page), {}
        return list(page), {"servers_links": [{"rel": "next", "href": next_page(request, marker)}]}

    async def _create(self, request: Request) -> Response:
        create = parse_create(await read_object(request, "server"), microversion_of(request))
        launch = resolve_launch(create, self._region, await _group_hint(request))
        most = create.max_count or create.min_count
        least = create.min_count
        count = allowed_count(self._region, launch.flavor, least=least, most=most)
        self._check_group(launch.group_id, count)
        wave = self._servers.launch(launch, count)
        if launch.group_id is not None:
            group = self._region.server_groups[launch.group_id]
            group["members"] += [server.id for server in wave]
        if create.return_reservation_id:
            return JSONResponse({"reservation_id": wave[0].reservation_id}, 202)
        shown = server_links(self._base(request), wave[0])
        del shown["name"]
        shown |= {
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": name} for name in launch.security_groups],
            "adminPass": create.admin_password or self._world.new_id()[:12],
        }
        return JSONResponse({"server": shown}, 202, {"Location": shown["links"][0]["href"]})

    def _check_group(self, group_id: str | None, count: int) -> None:
        if group_id is None:
            return
        living = set(self._region.servers) & set(self._region.server_groups[group_id]["members"])
        if len(living) + count > SERVER_GROUP_MEMBERS:
            raise Refused(403, "Quota exceeded, too many servers in group")

    async def _show(self, request: Request) -> Response:
        return JSONResponse({"server": self._shown(self._found(request), request)})

    async def _update(self, request: Request) -> Response:
        server, changes = self._found(request), await read_object(request, "server")
        if isinstance(changes.get("name"), str) and changes["name"].strip():
            server.name = changes["name"].strip()
        server.description = changes.get("description", server.description)
        server.updated = self._world.clock.now()
        return JSONResponse({"server": self._shown(server, request)})

    async def _delete(self, request: Request) -> Response:
        self._servers.delete(self._found(request))
        return Response(status_code=204)

    async def _act(self, request: Request) -> Response:
        server = self._found(request)
        body = await read_json(request)
        match body:
            case {"reboot": {"type": "SOFT" | "HARD" as kind}}:
                self._servers.reboot(server, hard=kind == "HARD")
            case {"os-stop": _}:
                self._servers.stop(server)
            case {"os-start": _}:
                self._servers.start(server)
            case {"lock": _}:
                server.locked = True
            case {"unlock": _}:
                server.locked = False
            case _:
                raise Refused(400, f"There is no such action: {body!r:.100}")
        return Response(status_code=202)

    async def _actions(self, request: Request) -> Response:
        server = self._found_or_deleted(request)
        shown = [
            {
                "action": entry.action,
                "instance_uuid": server.id,
                "request_id": entry.request_id,
                "user_id": self._world.user_id,
                "project_id": self._world.project_id,
                "start_time": stamp(entry.at).removesuffix("Z") + ".000000",
                "updated_at": stamp(entry.at).removesuffix("Z") + ".000000",
                "message": None,
            }
            for entry in server.actions
        ]
        return JSONResponse({"instanceActions": shown})


async def _group_hint(request: Request) -> str | None:
    match await read_json(request):
        case {"os:scheduler_hints": {"group": str(group)}}:
            return group
        case {"OS-SCH-HNT:scheduler_hints": {"group": str(group)}}:
            return group
    return None
