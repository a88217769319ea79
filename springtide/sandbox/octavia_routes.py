"""Octavia's API v2 in one region: load balancers, listeners, pools and health monitors."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from springtide.sandbox import balancer_changes
from springtide.sandbox.balancer_documents import Documents
from springtide.sandbox.balancer_resources import LoadBalancer, Provisioning, Top
from springtide.sandbox.balancers import UNLIMITED, RegionBalancers, found
from springtide.sandbox.dataplane import BalancerTraffic, DataPlane
from springtide.sandbox.octavia_queries import listing
from springtide.sandbox.protocol import Refused, base_url, is_true, read_object

Changed: TypeAlias = Callable[[LoadBalancer], None]


class _Kind(NamedTuple):
    """One kind of resource that is not below a pool."""

    plural: str
    singular: str
    label: str
    collection: Callable[[RegionBalancers], Mapping[str, Top]]
    create: Callable[[RegionBalancers, object], Top]


_KINDS: Final = (
    _Kind(
        "loadbalancers",
        "loadbalancer",
        "Load Balancer",
        lambda state: state.load_balancers,
        balancer_changes.create_load_balancer,
    ),
    _Kind(
        "listeners",
        "listener",
        "Listener",
        lambda state: state.listeners,
        balancer_changes.create_listener,
    ),
    _Kind("pools", "pool", "Pool", lambda state: state.pools, balancer_changes.create_pool),
    _Kind(
        "healthmonitors",
        "healthmonitor",
        "Health Monitor",
        lambda state: state.monitors,
        balancer_changes.create_monitor,
    ),
)


class RegionApi:
    """The API in one region, members excepted."""

    def __init__(self, state: RegionBalancers, dataplane: DataPlane, changed: Changed) -> None:
        """Serve `state`, and tell `changed` of each load balancer that was changed."""
        self._state = state
        self._dataplane = dataplane
        self._changed = changed
        self._documents = Documents(state, dataplane.operating_status)
        self._page_size = state.world.config.page_size

    def routes(self) -> list[BaseRoute]:
        """Every route; the API is at v2.0, and at v2 as it is in Octavia itself."""
        routes: list[BaseRoute] = [Route("/", self._versions)]
        for root in ("/v2.0", "/v2"):
            routes.append(Route(root, self._versions))
            for kind in _KINDS:
                routes += self._kind_routes(f"{root}/lbaas/{kind.plural}", kind)
            routes += self._balancer_routes(f"{root}/lbaas/loadbalancers/{{id}}")
            routes.append(Route(f"{root}/lbaas/providers", _providers))
            routes.append(Route(f"{root}/lbaas/flavors", _flavours))
            routes.append(Route(f"{root}/lbaas/quotas/{{project_id}}", self._show_quota))
        return routes

    def _kind_routes(self, path: str, kind: _Kind) -> list[BaseRoute]:
        one = path + "/{id}"
        return [
            Route(path, partial(self._list, kind), methods=["GET"]),
            Route(path, partial(self._create, kind), methods=["POST"]),
            Route(one, partial(self._show, kind), methods=["GET"]),
            Route(one, partial(self._update, kind), methods=["PUT"]),
            Route(one, partial(self._delete, kind), methods=["DELETE"]),
        ]

    def _balancer_routes(self, one: str) -> list[BaseRoute]:
        return [
            Route(f"{one}/stats", self._stats, methods=["GET"]),
            Route(f"{one}/status", self._statuses, methods=["GET"]),
            Route(f"{one}/statuses", self._statuses, methods=["GET"]),
            Route(f"{one}/failover", self._failover, methods=["PUT"]),
        ]

    async def _versions(self, request: Request) -> Response:
        root = request.url.path.rstrip("/").removesuffix("/v2.0").removesuffix("/v2")
        link = {"rel": "self", "href": f"{base_url(request)}{root}/v2.0"}
        versions = [{"id": "v2.0", "status": "SUPPORTED", "updated": _UPDATED, "links": [link]}]
        versions.append({"id": "v2.26", "status": "CURRENT", "updated": _UPDATED, "links": [link]})
        return JSONResponse({"versions": versions})

    async def _list(self, kind: _Kind, request: Request) -> Response:
        await self._dataplane.observe()
        documents = (self._documents.of(x) for x in kind.collection(self._state).values())
        return JSONResponse(listing(request, documents, plural=kind.plural, most=self._page_size))

    async def _show(self, kind: _Kind, request: Request) -> Response:
        await self._dataplane.observe()
        return self._shown(kind, self._found(kind, request))

    async def _create(self, kind: _Kind, request: Request) -> Response:
        resource = kind.create(self._state, await read_object(request, kind.singular))
        self._changed(resource.balancer)
        return self._shown(kind, resource, HTTPStatus.CREATED)

    async def _update(self, kind: _Kind, request: Request) -> Response:
        body = await read_object(request, kind.singular)
        resource = self._found(kind, request)
        balancer_changes.update(self._state, resource, body)
        self._changed(resource.balancer)
        return self._shown(kind, resource)

    async def _delete(self, kind: _Kind, request: Request) -> Response:
        resource = self._found(kind, request)
        cascade = is_true(request.query_params.get("cascade"))
        balancer_changes.delete(self._state, resource, cascade=cascade)
        self._changed(resource.balancer)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _stats(self, request: Request) -> Response:
        await self._dataplane.observe()
        balancer = self._balancer(request)
        passed = [self._dataplane.traffic(pool) for pool in self._state.pools_of(balancer)]
        told = BalancerTraffic(*(sum(column) for column in zip(*passed, strict=True)))
        if balancer.connections is not None:
            told = told._replace(active_connections=balancer.connections)
        return JSONResponse({"stats": told._asdict()})

    async def _statuses(self, request: Request) -> Response:
        await self._dataplane.observe()
        return JSONResponse(self._documents.status_tree(self._balancer(request)))

    async def _show_quota(self, request: Request) -> Response:
        del request
        quota = dict.fromkeys(_COUNTED, UNLIMITED) | {"member": self._state.member_quota()}
        return JSONResponse({"quota": quota})

    async def _failover(self, request: Request) -> Response:
        balancer = self._balancer(request)
        if balancer.provisioning is Provisioning.ERROR:
            balancer.provisioning = Provisioning.ACTIVE
        self._state.lock(balancer)
        self._changed(balancer)
        return Response(status_code=HTTPStatus.ACCEPTED)

    def _found(self, kind: _Kind, request: Request) -> Top:
        resource = kind.collection(self._state).get(request.path_params["id"])
        if resource is None:
            text = f"{kind.label} {request.path_params['id']} not found."
            raise Refused(HTTPStatus.NOT_FOUND, text)
        return resource

    def _balancer(self, request: Request) -> LoadBalancer:
        return found(self._state.load_balancers, request.path_params["id"], "Load Balancer")

    def _shown(self, kind: _Kind, resource: Top, status: HTTPStatus = HTTPStatus.OK) -> Response:
        return JSONResponse({kind.singular: self._documents.of(resource)}, status)


async def _flavours(_request: Request) -> Response:
    return JSONResponse({"flavors": [], "flavors_links": []})


async def _providers(request: Request) -> Response:
    del request
    amphora = {"name": "amphora", "description": "The Octavia Amphora driver."}
    return JSONResponse({"providers": [amphora]})


_COUNTED = ("load_balancer", "listener", "pool", "health_monitor", "l7policy", "l7rule")
"""Two of them under Octavia's own old spelling, which is the one that it shows."""
_UPDATED = "2024-01-01T00:00:00Z"
