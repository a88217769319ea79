"""The admin API: the sandbox's controls as JSON over HTTP, below `/admin`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from springtide.model.base import Model
from springtide.sandbox.control_inputs import (
    ClockChange,
    ForeignMember,
    ForeignServer,
    OpenConnections,
    RegionChange,
    StuckBalancer,
    TrafficRules,
)
from springtide.sandbox.controls import Controls
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from springtide.sandbox.protocol import Endpoint, Handler, Refused

Input = TypeVar("Input", bound=Model)


class Admin:
    """The routes by which a sandbox is controlled; they need no token."""

    def __init__(self, controls: Controls) -> None:
        """Offer those controls."""
        self._controls = controls

    def routes(self) -> list[Route]:
        """Every route below `/admin`."""
        controls = self._controls
        table: list[Endpoint] = [
            ("GET", "/state", _reading(controls.state)),
            ("POST", "/reset", _acting(controls.reset)),
            ("GET", "/clock", _reading(lambda: {"now": controls.now().isoformat()})),
            ("POST", "/clock", self._change_clock),
            ("GET", "/calls", _reading(self._calls)),
            ("DELETE", "/calls", _acting(controls.forget_calls)),
            ("GET", "/faults", _reading(lambda: _dumped(controls.faults()))),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", _acting(controls.clear_faults)),
            ("DELETE", "/faults/{key}", _acting_on("key", controls.remove_fault)),
            ("GET", "/behaviours", _reading(lambda: _dumped(controls.behaviours()))),
            ("POST", "/behaviours", self._add_behaviour),
            ("DELETE", "/behaviours/{key}", _acting_on("key", controls.remove_fault)),
            ("GET", "/holds", _reading(self._holds)),
            ("POST", "/holds/{key}/release", _acting_on("key", controls.release)),
            ("PATCH", "/regions/{region}", self._change_region),
            ("PATCH", "/traffic", self._change_traffic),
            ("DELETE", "/tokens", _reading(lambda: {"revoked": controls.revoke_tokens()})),
            ("POST", "/servers", self._add_server),
            ("POST", "/servers/{id}/crash", _acting_on("id", controls.crash_server)),
            ("POST", "/servers/{id}/error", _acting_on("id", controls.fail_server)),
            ("POST", "/servers/{id}/shutoff", _acting_on("id", controls.shut_off_server)),
            ("POST", "/pools/{pool_id}/members", self._add_member),
            ("POST", "/pools/{pool_id}/stick", self._stick_balancer),
            ("POST", "/pools/{pool_id}/connections", self._set_connections),
        ]
        return [Route(path, _guarded(answer), methods=[verb]) for verb, path, answer in table]

    def _calls(self) -> object:
        counted = self._controls.calls().items()
        return {"calls": [{**key._asdict(), "count": count} for key, count in sorted(counted)]}

    def _holds(self) -> object:
        return {"holds": [hold.model_dump() for hold in self._controls.holds()]}

    async def _change_clock(self, request: Request) -> Response:
        now = self._controls.change_clock(await _read(request, ClockChange))
        return JSONResponse({"now": now.isoformat()})

    async def _add_fault(self, request: Request) -> Response:
        key = self._controls.add_fault(await _read(request, FaultRule))
        return JSONResponse({"id": key}, 201)

    async def _add_behaviour(self, request: Request) -> Response:
        key = self._controls.add_behaviour(await _read(request, ServerBehaviour))
        return JSONResponse({"id": key}, 201)

    async def _change_region(self, request: Request) -> Response:
        change = await _read(request, RegionChange)
        self._controls.change_region(request.path_params["region"], change)
        return Response(status_code=204)

    async def _change_traffic(self, request: Request) -> Response:
        self._controls.change_traffic(await _read(request, TrafficRules))
        return Response(status_code=204)

    async def _add_server(self, request: Request) -> Response:
        server_id = self._controls.add_server(await _read(request, ForeignServer))
        return JSONResponse({"id": server_id}, 201)

    async def _add_member(self, request: Request) -> Response:
        member = await _read(request, ForeignMember)
        member_id = self._controls.add_member(request.path_params["pool_id"], member)
        return JSONResponse({"id": member_id}, 201)

    async def _stick_balancer(self, request: Request) -> Response:
        stuck = await _read(request, StuckBalancer)
        self._controls.stick_balancer(request.path_params["pool_id"], stuck.seconds)
        return Response(status_code=204)

    async def _set_connections(self, request: Request) -> Response:
        wanted = await _read(request, OpenConnections)
        self._controls.set_connections(request.path_params["pool_id"], wanted.active)
        return Response(status_code=204)


async def _read(request: Request, kind: type[Input]) -> Input:
    return kind.model_validate_json(await request.body())


def _dumped(items: Mapping[str, Model]) -> dict[str, object]:
    return {key: item.model_dump(mode="json") for key, item in items.items()}


def _reading(read: Callable[[], object]) -> Handler:
    async def answer(_request: Request) -> Response:
        return JSONResponse(read())

    return answer


def _acting(act: Callable[[], None]) -> Handler:
    async def answer(_request: Request) -> Response:
        act()
        return Response(status_code=204)

    return answer


def _acting_on(name: str, act: Callable[[str], None]) -> Handler:
    async def answer(request: Request) -> Response:
        act(request.path_params[name])
        return Response(status_code=204)

    return answer


def _guarded(answer: Callable[[Request], Awaitable[Response]]) -> Handler:
    """The same, wrong input being answered with what is wrong with it."""

    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": "the input is not valid", "details": wrong}, 422)
        except Refused as refused:
            return JSONResponse({"error": refused.message}, refused.status)

    return guarded
