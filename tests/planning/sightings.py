"""Builders for the tests of single decisions: a server and its membership."""

from springtide.model.server import Member, Server
from tests.planning.fleet_world import START


def a_server(server_id: str = "s1", /, **changes: object) -> Server:
    """An ACTIVE server of GRA11 that was launched at START, changed as asked."""
    base: dict[str, object] = {
        "id": server_id,
        "name": f"api-{server_id}",
        "region": "GRA11",
        "status": "ACTIVE",
        "address": "127.1.0.1",
        "image_id": "image-1",
        "created_at": START,
        "launched_at": START,
    }
    return Server.model_validate(base | changes)


def a_member(server_id: str | None = "s1", /, **changes: object) -> Member:
    """The membership of that server, with a weight, changed as asked."""
    base: dict[str, object] = {
        "id": f"m-{server_id}",
        "address": "127.1.0.1",
        "port": 80,
        "weight": 1,
        "ours": True,
        "server_id": server_id,
        "created_at": START,
    }
    return Member.model_validate(base | changes)
