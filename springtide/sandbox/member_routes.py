"""Octavia's API v2 in one region: the members of pools."""

import json
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from springtide.sandbox import pool_members
from springtide.sandbox.balancer_documents import Documents
from springtide.sandbox.balancer_resources import Member
from springtide.sandbox.balancers import RegionBalancers
from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.octavia_queries import listing
from springtide.sandbox.octavia_routes import Changed
from springtide.sandbox.protocol import ROUTING, Handler, Refused, is_true, read_object


class MemberApi:
    """The API of members in one region."""

    def __init__(self, state: RegionBalancers, dataplane: DataPlane, changed: Changed) -> None:
        """Serve `state`, and tell `changed` of each load balancer that was changed."""
        self._state = state
        self._dataplane = dataplane
        self._changed = changed
        self._documents = Documents(state, dataplane.operating_status)
        self._page_size = state.world.config.page_size

    def routes(self) -> list[BaseRoute]:
        """Every route; the API is at v2.0, and at v2 as it is in Octavia itself."""
        return [
            route
            for root in ("/v2.0", "/v2")
            for route in self._member_routes(f"{root}/lbaas/pools/{{pool_id}}/members")
        ]

    def _member_routes(self, path: str) -> list[BaseRoute]:
        one = path + "/{member_id}"
        return [
            Route(path, self._in_pool(self._list), methods=["GET"]),
            Route(path, self._in_pool(self._add_member), methods=["POST"]),
            Route(path, self._in_pool(self._replace), methods=["PUT"]),
            Route(one, self._in_pool(self._show), methods=["GET"]),
            Route(one, self._in_pool(self._update_member), methods=["PUT"]),
            Route(one, self._in_pool(self._remove_member), methods=["DELETE"]),
        ]

    def _in_pool(self, handler: Handler) -> Handler:
        """The same handler, for pools that exist: Octavia looks for them while it routes."""

        async def answer(request: Request) -> Response:
            pool_id = request.path_params["pool_id"]
            if pool_id not in self._state.pools:
                raise Refused(HTTPStatus.NOT_FOUND, f"Pool {pool_id} not found.", kind=ROUTING)
            return await handler(request)

        return answer

    async def _list(self, request: Request) -> Response:
        pool = self._state.pool(request.path_params["pool_id"])
        await self._dataplane.observe()
        documents = [self._documents.member(pool, member) for member in pool.members.values()]
        return JSONResponse(listing(request, documents, plural="members", most=self._page_size))

    async def _show(self, request: Request) -> Response:
        await self._dataplane.observe()
        path = request.path_params
        return self._shown_member(path, self._state.member(path["pool_id"], path["member_id"]))

    async def _add_member(self, request: Request) -> Response:
        path, body = request.path_params, await read_object(request, "member")
        member = pool_members.add_member(self._state, path["pool_id"], body)
        self._members_changed(path)
        return self._shown_member(path, member, HTTPStatus.CREATED)

    async def _update_member(self, request: Request) -> Response:
        path, body = request.path_params, await read_object(request, "member")
        pool_id, member_id = path["pool_id"], path["member_id"]
        member = pool_members.update_member(self._state, pool_id, member_id, body)
        self._members_changed(path)
        return self._shown_member(path, member)

    async def _remove_member(self, request: Request) -> Response:
        path = request.path_params
        pool_members.remove_member(self._state, path["pool_id"], path["member_id"])
        self._members_changed(path)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _replace(self, request: Request) -> Response:
        path = request.path_params
        additive_only = is_true(request.query_params.get("additive_only"))
        try:
            bodies = json.loads(await request.body())["members"]
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "Invalid input: members are required.") from error
        pool_members.replace_members(
            self._state, path["pool_id"], bodies, additive_only=additive_only
        )
        self._members_changed(path)
        return Response(status_code=HTTPStatus.ACCEPTED)

    def _members_changed(self, path: dict[str, Any]) -> None:
        self._changed(self._state.pool(path["pool_id"]).balancer)

    def _shown_member(
        self, path: dict[str, Any], member: Member, status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        pool = self._state.pool(path["pool_id"])
        return JSONResponse({"member": self._documents.member(pool, member)}, status)
