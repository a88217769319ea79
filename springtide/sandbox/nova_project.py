"""The rest of the compute API: flavours, limits, quotas, usage, key pairs, zones, groups."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from springtide.sandbox.compute_quota import SERVER_GROUPS, limits, usage
from springtide.sandbox.flavors import FLAVORS
from springtide.sandbox.microversions import microversion_of
from springtide.sandbox.protocol import (
    Endpoint,
    Refused,
    base_url,
    next_page,
    page_of,
    read_object,
)
from springtide.sandbox.records import Document
from springtide.sandbox.regions import RegionState, key_pair
from springtide.sandbox.server_views import flavor_document
from springtide.sandbox.tenant_usage import show_usage
from springtide.sandbox.world import World


class NovaProject:
    """What one region's compute service knows besides servers."""

    def __init__(self, world: World, region: str) -> None:
        """Serve the region of that name."""
        self._world = world
        self._name = region

    @property
    def _region(self) -> RegionState:
        return self._world.regions[self._name]

    def routes(self) -> list[Endpoint]:
        """Method, path and handler of every route."""
        return [
            ("GET", "/flavors", self._list_flavors),
            ("GET", "/flavors/detail", self._list_flavors),
            ("GET", "/flavors/{flavor_id}", self._show_flavor),
            ("GET", "/flavors/{flavor_id}/os-extra_specs", self._show_extra_specs),
            ("GET", "/limits", self._show_limits),
            ("GET", "/os-quota-sets/{project_id}", self._show_quota),
            ("GET", "/os-quota-sets/{project_id}/defaults", self._show_quota),
            ("GET", "/os-quota-sets/{project_id}/detail", self._show_quota_usage),
            ("GET", "/os-simple-tenant-usage/{project_id}", self._show_usage),
            ("GET", "/os-availability-zone", self._list_zones),
            ("GET", "/os-availability-zone/detail", _for_administrators),
            ("GET", "/os-keypairs", self._list_key_pairs),
            ("POST", "/os-keypairs", self._create_key_pair),
            ("GET", "/os-keypairs/{name}", self._show_key_pair),
            ("DELETE", "/os-keypairs/{name}", self._delete_key_pair),
            ("GET", "/os-server-groups", self._list_groups),
            ("POST", "/os-server-groups", self._create_group),
            ("GET", "/os-server-groups/{group_id}", self._show_group),
            ("DELETE", "/os-server-groups/{group_id}", self._delete_group),
        ]

    def _base(self, request: Request) -> str:
        return f"{base_url(request)}/{self._name}/compute/v2.1"

    async def _list_flavors(self, request: Request) -> Response:
        most = self._world.config.page_size
        flavors = list(FLAVORS.values())
        page, marker = page_of(flavors, request, most=most, identity=lambda flavor: flavor.id)
        version, base = microversion_of(request), self._base(request)
        shown = [flavor_document(base, flavor, version) for flavor in page]
        if not request.url.path.endswith("/detail"):
            shown = [{key: flavor[key] for key in ("id", "name", "links")} for flavor in shown]
        body: Document = {"flavors": shown}
        if marker is not None:
            body["flavors_links"] = [{"rel": "next", "href": next_page(request, marker)}]
        return JSONResponse(body)

    async def _show_flavor(self, request: Request) -> Response:
        flavor = FLAVORS.get(request.path_params["flavor_id"])
        if flavor is None:
            message = f"Flavor {request.path_params['flavor_id']} could not be found."
            raise Refused(404, message)
        shown = flavor_document(self._base(request), flavor, microversion_of(request))
        return JSONResponse({"flavor": shown})

    async def _show_extra_specs(self, _request: Request) -> Response:
        return JSONResponse({"extra_specs": {}})

    async def _show_limits(self, _request: Request) -> Response:
        limit, used = limits(self._region), usage(self._region)
        absolute = {
            "maxTotalInstances": limit["instances"],
            "maxTotalCores": limit["cores"],
            "maxTotalRAMSize": limit["ram"],
            "maxTotalKeypairs": limit["key_pairs"],
            "maxServerMeta": limit["metadata_items"],
            "maxImageMeta": limit["metadata_items"],
            "maxServerGroups": limit["server_groups"],
            "maxServerGroupMembers": limit["server_group_members"],
            "totalInstancesUsed": used["instances"],
            "totalCoresUsed": used["cores"],
            "totalRAMUsed": used["ram"],
            "totalServerGroupsUsed": used["server_groups"],
        }
        return JSONResponse({"limits": {"rate": [], "absolute": absolute}})

    async def _show_quota(self, request: Request) -> Response:
        project_id = request.path_params["project_id"]
        return JSONResponse({"quota_set": {"id": project_id, **limits(self._region)}})

    async def _show_quota_usage(self, request: Request) -> Response:
        used = usage(self._region)
        detail = {
            name: {"limit": limit, "in_use": used[name], "reserved": 0}
            for name, limit in limits(self._region).items()
        }
        project_id = request.path_params["project_id"]
        return JSONResponse({"quota_set": {"id": project_id, **detail}})

    async def _show_usage(self, request: Request) -> Response:
        return show_usage(self._world, self._region, request)

    async def _list_zones(self, _request: Request) -> Response:
        zones = [
            {"zoneName": zone, "zoneState": {"available": True}, "hosts": None}
            for zone in self._region.config.zones
        ]
        return JSONResponse({"availabilityZoneInfo": zones})

    async def _list_key_pairs(self, _request: Request) -> Response:
        shown = [{"keypair": pair} for pair in self._region.key_pairs.values()]
        return JSONResponse({"keypairs": shown})

    async def _create_key_pair(self, request: Request) -> Response:
        asked = await read_object(request, "keypair")
        name, public_key = asked.get("name"), asked.get("public_key")
        if not isinstance(name, str) or not isinstance(public_key, str):
            raise Refused(400, "A key pair needs a name and a public key.")
        if name in self._region.key_pairs:
            raise Refused(409, f"Key pair '{name}' already exists.")
        self._region.key_pairs[name] = key_pair(name, public_key)
        return JSONResponse({"keypair": self._region.key_pairs[name]}, 201)

    async def _show_key_pair(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse({"keypair": _named(self._region.key_pairs, name, "Keypair")})

    async def _delete_key_pair(self, request: Request) -> Response:
        name = request.path_params["name"]
        _named(self._region.key_pairs, name, "Keypair")
        del self._region.key_pairs[name]
        return Response(status_code=204)

    async def _list_groups(self, request: Request) -> Response:
        shown = [self._group(group, request) for group in self._region.server_groups.values()]
        return JSONResponse({"server_groups": shown})

    async def _create_group(self, request: Request) -> Response:
        asked = await read_object(request, "server_group")
        policy = asked.get("policy") or next(iter(asked.get("policies", [])), None)
        if policy not in {"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"}:
            raise Refused(400, f"Invalid input for field/attribute policy. Value: {policy}.")
        if len(self._region.server_groups) >= SERVER_GROUPS:
            raise Refused(403, "Quota exceeded, too many server groups.")
        group = {
            "id": self._world.new_id(),
            "name": str(asked.get("name", "")),
            "policy": policy,
            "members": [],
        }
        self._region.server_groups[group["id"]] = group
        return JSONResponse({"server_group": self._group(group, request)})

    async def _show_group(self, request: Request) -> Response:
        group_id = request.path_params["group_id"]
        group = _named(self._region.server_groups, group_id, "Instance group")
        return JSONResponse({"server_group": self._group(group, request)})

    async def _delete_group(self, request: Request) -> Response:
        group_id = request.path_params["group_id"]
        _named(self._region.server_groups, group_id, "Instance group")
        del self._region.server_groups[group_id]
        return Response(status_code=204)

    def _group(self, group: Document, request: Request) -> Document:
        members = [key for key in group["members"] if key in self._region.servers]
        shown = {"id": group["id"], "name": group["name"], "members": members}
        if microversion_of(request) >= (2, 64):
            return shown | {
                "policy": group["policy"],
                "rules": {},
                "project_id": self._world.project_id,
                "user_id": self._world.user_id,
            }
        return shown | {"policies": [group["policy"]], "metadata": {}}


async def _for_administrators(_request: Request) -> Response:
    raise Refused(403, "Policy doesn't allow this to be performed.")


def _named(collection: dict[str, Document], key: str, kind: str) -> Document:
    found = collection.get(key)
    if found is None:
        raise Refused(404, f"{kind} {key} could not be found.")
    return found
