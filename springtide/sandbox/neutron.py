"""The network API, version 2.0: networks, subnets, ports, security groups, quotas, addresses."""

from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from springtide.sandbox.network_queries import matching_documents, with_fields
from springtide.sandbox.ports import create_port, pool_bounds
from springtide.sandbox.protocol import (
    Endpoint,
    Refused,
    base_url,
    next_page,
    page_of,
    read_object,
    read_tags,
    routes_of,
    stamp,
)
from springtide.sandbox.records import Document
from springtide.sandbox.regions import RegionState
from springtide.sandbox.world import World

KINDS = {
    "networks": "Network",
    "subnets": "Subnet",
    "ports": "Port",
    "security_groups": "SecurityGroup",
}
ABSENT = ("floatingips", "routers", "agents", "security_group_rules", "address_groups")
EXTENSIONS = (
    "quotas",
    "quota_details",
    "network-ip-availability",
    "standard-attr-tag",
    "pagination",
)
CHANGEABLE = frozenset({"name", "description", "admin_state_up", "device_id", "device_owner"})
NETWORKS, SECURITY_GROUPS, SUBNETS = 50, 100, 50


class Neutron:
    """The network service of one region."""

    def __init__(self, world: World, region: str) -> None:
        """Serve the region of that name."""
        self._world = world
        self._name = region

    def routes(self) -> list[Route]:
        """Every route below the endpoint `/{region}/network`."""
        table: list[Endpoint] = [
            ("GET", "/", self._versions),
            ("GET", "/v2.0", self._resources),
            ("GET", "/v2.0/extensions", self._list_extensions),
            ("GET", "/v2.0/extensions/{alias}", self._show_extension),
            ("GET", "/v2.0/quotas/{project_id}", self._show_quota),
            ("GET", "/v2.0/quotas/{project_id}/default", self._show_quota),
            ("GET", "/v2.0/quotas/{project_id}/details", self._show_quota_usage),
            ("GET", "/v2.0/quotas/{project_id}/details.json", self._show_quota_usage),
            ("GET", "/v2.0/network-ip-availabilities", self._list_availabilities),
            ("GET", "/v2.0/network-ip-availabilities/{network_id}", self._show_availability),
            ("POST", "/v2.0/ports", self._create_port),
            ("PUT", "/v2.0/ports/{document_id}", self._update_port),
            ("DELETE", "/v2.0/ports/{document_id}", self._delete_port),
        ]
        for kind in KINDS:
            path = f"/v2.0/{kind.replace('_', '-')}"
            one = path + "/{document_id}"
            table += [
                ("GET", path, partial(self._list, kind)),
                ("GET", one, partial(self._show, kind)),
                ("GET", one + "/tags", partial(self._show_tags, kind)),
                ("PUT", one + "/tags", partial(self._replace_tags, kind)),
                ("PUT", one + "/tags/{tag}", partial(self._add_tag, kind)),
                ("DELETE", one + "/tags/{tag}", partial(self._delete_tag, kind)),
            ]
        for kind in ABSENT:
            table.append(("GET", f"/v2.0/{kind.replace('_', '-')}", partial(_list_nothing, kind)))
        return routes_of(table)

    @property
    def _region(self) -> RegionState:
        return self._world.regions[self._name]

    def _collection(self, kind: str) -> dict[str, Document]:
        found: dict[str, Document] = getattr(self._region, kind)
        return found

    def _found(self, kind: str, request: Request) -> Document:
        key = request.path_params["document_id"]
        document = self._collection(kind).get(key)
        if document is None:
            message = f"{KINDS[kind]} {key} could not be found."
            raise Refused(404, message, kind=f"{KINDS[kind]}NotFound")
        return document

    async def _versions(self, request: Request) -> Response:
        href = f"{base_url(request)}/{self._name}/network/v2.0/"
        links = [{"rel": "self", "href": href}]
        return JSONResponse({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})

    async def _resources(self, request: Request) -> Response:
        base = f"{base_url(request)}/{self._name}/network/v2.0"
        shown = [
            {
                "name": kind.removesuffix("s"),
                "collection": kind,
                "links": [{"rel": "self", "href": f"{base}/{kind}"}],
            }
            for kind in KINDS
        ]
        return JSONResponse({"resources": shown})

    async def _list(self, kind: str, request: Request) -> Response:
        found = matching_documents(list(self._collection(kind).values()), request)
        most = self._world.config.page_size
        page, marker = _page(kind, found, request, most)
        fields = request.query_params.getlist("fields")
        body: Document = {kind: [with_fields(document, fields) for document in page]}
        if marker is not None and "limit" in request.query_params:
            body[f"{kind}_links"] = [{"rel": "next", "href": next_page(request, marker)}]
        return JSONResponse(body)

    async def _show(self, kind: str, request: Request) -> Response:
        fields = request.query_params.getlist("fields")
        shown = with_fields(self._found(kind, request), fields)
        return JSONResponse({kind.removesuffix("s"): shown})

    async def _show_tags(self, kind: str, request: Request) -> Response:
        return JSONResponse({"tags": self._found(kind, request)["tags"]})

    async def _replace_tags(self, kind: str, request: Request) -> Response:
        document = self._found(kind, request)
        document["tags"] = await read_tags(request)
        return JSONResponse({"tags": document["tags"]})

    async def _add_tag(self, kind: str, request: Request) -> Response:
        document, tag = self._found(kind, request), request.path_params["tag"]
        document["tags"] = list(dict.fromkeys([*document["tags"], tag]))
        return Response(status_code=201)

    async def _delete_tag(self, kind: str, request: Request) -> Response:
        document, tag = self._found(kind, request), request.path_params["tag"]
        if tag not in document["tags"]:
            raise Refused(404, f"Tag {tag} could not be found.", kind="TagNotFound")
        document["tags"] = [one for one in document["tags"] if one != tag]
        return Response(status_code=204)

    async def _create_port(self, request: Request) -> Response:
        asked = await read_object(request, "port")
        return JSONResponse({"port": create_port(self._world, self._region, asked)}, 201)

    async def _update_port(self, request: Request) -> Response:
        port, changes = self._found("ports", request), await read_object(request, "port")
        if foreign := sorted(set(changes) - CHANGEABLE):
            raise Refused(400, f"Cannot update attribute {foreign[0]}")
        port |= changes
        port["updated_at"] = stamp(self._world.clock.now())
        return JSONResponse({"port": port})

    async def _delete_port(self, request: Request) -> Response:
        del self._region.ports[self._found("ports", request)["id"]]
        return Response(status_code=204)

    def _quotas(self) -> dict[str, tuple[int, int]]:
        """Every network quota by its name: its limit, and how much of it is used."""
        region = self._region
        return {
            "network": (NETWORKS, len(region.networks)),
            "subnet": (SUBNETS, len(region.subnets)),
            "port": (region.quota.ports, len(region.ports)),
            "security_group": (SECURITY_GROUPS, len(region.security_groups)),
        }

    async def _show_quota(self, _request: Request) -> Response:
        return JSONResponse({"quota": {name: limit for name, (limit, _) in self._quotas().items()}})

    async def _show_quota_usage(self, _request: Request) -> Response:
        shown = {
            name: {"limit": limit, "used": used, "reserved": 0}
            for name, (limit, used) in self._quotas().items()
        }
        return JSONResponse({"quota": shown})

    async def _list_availabilities(self, request: Request) -> Response:
        shown = [self._availability(network) for network in self._region.networks.values()]
        return JSONResponse({"network_ip_availabilities": matching_documents(shown, request)})

    async def _show_availability(self, request: Request) -> Response:
        network_id = request.path_params["network_id"]
        network = self._region.networks.get(network_id)
        if network is None:
            message = f"Network {network_id} could not be found."
            raise Refused(404, message, kind="NetworkNotFound")
        return JSONResponse({"network_ip_availability": self._availability(network)})

    def _availability(self, network: Document) -> Document:
        subnets = []
        for subnet in self._region.subnets.values():
            if subnet["network_id"] == network["id"]:
                first, last = pool_bounds(subnet)
                subnets.append(
                    {
                        "subnet_id": subnet["id"],
                        "subnet_name": subnet["name"],
                        "cidr": subnet["cidr"],
                        "ip_version": 4,
                        "total_ips": last - first + 1,
                        "used_ips": self._used_addresses(subnet["id"]),
                    }
                )
        return {
            "network_id": network["id"],
            "network_name": network["name"],
            "project_id": network["project_id"],
            "tenant_id": network["tenant_id"],
            "total_ips": sum(subnet["total_ips"] for subnet in subnets),
            "used_ips": sum(subnet["used_ips"] for subnet in subnets),
            "subnet_ip_availability": subnets,
        }

    def _used_addresses(self, subnet_id: str) -> int:
        ports = self._region.ports.values()
        return sum(fixed["subnet_id"] == subnet_id for port in ports for fixed in port["fixed_ips"])

    async def _list_extensions(self, _request: Request) -> Response:
        return JSONResponse({"extensions": [_extension(alias) for alias in EXTENSIONS]})

    async def _show_extension(self, request: Request) -> Response:
        alias = request.path_params["alias"]
        if alias not in EXTENSIONS:
            raise Refused(404, f"Extension with alias {alias} does not exist")
        return JSONResponse({"extension": _extension(alias)})


def _page(
    kind: str, found: list[Document], request: Request, most: int
) -> tuple[Sequence[Document], str | None]:
    marker = request.query_params.get("marker")
    if marker is not None and all(document["id"] != marker for document in found):
        message = f"{KINDS[kind]} {marker} could not be found."
        raise Refused(404, message, kind=f"{KINDS[kind]}NotFound")
    return page_of(found, request, most=most, identity=lambda one: str(one["id"]))


def _extension(alias: str) -> Document:
    return {"alias": alias, "name": alias, "description": "", "links": [], "updated": ""}


async def _list_nothing(kind: str, _request: Request) -> Response:
    return JSONResponse({kind: []})
