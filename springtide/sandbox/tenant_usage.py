"""What servers used in a period, those that are gone included: os-simple-tenant-usage.

As Nova does it: every server that was launched before the period's end and not gone before its
begin, by its id; from microversion 2.40 in pages.
"""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from springtide.sandbox.microversions import microversion_of
from springtide.sandbox.protocol import Refused, next_page, page_of
from springtide.sandbox.records import Document, Server
from springtide.sandbox.regions import RegionState
from springtide.sandbox.world import World

_PAGED_SINCE = (2, 40)
_PARAMETERS = {"start", "end", "limit", "marker"}
_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")
"""Nova knows no time zones here."""


def show_usage(world: World, region: RegionState, request: Request) -> Response:
    """The usage of the project that the path names, between `start` and `end`.

    Raises:
        Refused: 400, when a time is in another format, the start is after the end, or a parameter
            is none of Nova's.
    """
    for name in request.query_params:
        if name not in _PARAMETERS:
            message = f"Additional properties are not allowed ('{name}' was unexpected)"
            raise Refused(400, message)
    now = world.clock.now()
    start = _moment(request, "start", now - timedelta(days=28))
    end = _moment(request, "end", now)
    if start > end:
        message = "Invalid start time. The start time cannot occur after the end time."
        raise Refused(400, message)
    servers = _used(region, start, end)
    links: Document = {}
    if microversion_of(request) >= _PAGED_SINCE:
        most = world.config.page_size
        page, marker = page_of(servers, request, most=most, identity=lambda server: server.id)
        servers = list(page)
        if marker is not None:
            href = next_page(request, marker)
            links = {"tenant_usage_links": [{"rel": "next", "href": href}]}
    usages = [_usage(server, start, min(end, now)) for server in servers]
    shown = {
        "tenant_id": request.path_params["project_id"],
        "start": _written(start),
        "stop": _written(end),
        "total_hours": sum(one["hours"] for one in usages),
        "total_vcpus_usage": sum(one["hours"] * one["vcpus"] for one in usages),
        "total_memory_mb_usage": sum(one["hours"] * one["memory_mb"] for one in usages),
        "total_local_gb_usage": sum(one["hours"] * one["local_gb"] for one in usages),
        "server_usages": usages,
    }
    return JSONResponse({"tenant_usage": shown if usages else {}} | links)


def _used(region: RegionState, start: datetime, end: datetime) -> list[Server]:
    known = {**region.deleted_servers, **region.servers}
    return [
        server
        for _, server in sorted(known.items())
        if server.launched_at is not None
        and server.launched_at < end
        and (server.terminated_at is None or server.terminated_at > start)
    ]


def _moment(request: Request, name: str, otherwise: datetime) -> datetime:
    text = request.query_params.get(name)
    if text is None:
        return otherwise
    for written in _FORMATS:
        try:
            return datetime.strptime(text, written).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Refused(400, "Invalid datetime string: Datetime is in invalid format")


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _usage(server: Server, start: datetime, end: datetime) -> Document:
    """What a server used between two moments: from its launch to its end."""
    launched, terminated = server.launched_at or end, server.terminated_at
    ended = min(terminated or end, end)
    hours = max((ended - max(launched, start)).total_seconds() / 3600, 0.0)
    return {
        "instance_id": server.id,
        "name": server.name,
        "hours": hours,
        "flavor": server.flavor.name,
        "vcpus": server.flavor.vcpus,
        "memory_mb": server.flavor.ram_mib,
        "local_gb": server.flavor.disk_gib,
        "tenant_id": "",
        "started_at": _written(launched),
        "ended_at": _written(terminated) if terminated else None,
        "state": "terminated" if terminated else server.vm_state,
        "uptime": int(hours * 3600),
    }
