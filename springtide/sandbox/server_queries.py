"""Which servers a listing asks for: Nova's filters and order."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request

from springtide.sandbox.protocol import Refused, is_true
from springtide.sandbox.records import Server
from springtide.sandbox.regions import RegionState

Test = Callable[[Server], bool]

NOT_FILTERED_BY = frozenset(
    {
        "all_tenants",
        "changes-since",
        "deleted",
        "limit",
        "marker",
        "project_id",
        "sort_dir",
        "sort_key",
        "tenant_id",
        "user_id",
    }
)
SORT_KEYS = {
    "created_at": "created",
    "display_name": "name",
    "updated_at": "updated",
    "uuid": "id",
    "vm_state": "vm_state",
}


def matching_servers(region: RegionState, request: Request) -> list[Server]:
    """The servers that a listing's query selects, the newest first unless it says otherwise.

    Raises:
        Refused: 400 for a filter that does not exist, or whose value means nothing.
    """
    query = request.query_params
    tests = [
        _test(name, value) for name, value in query.multi_items() if name not in NOT_FILTERED_BY
    ]
    found = [server for server in _candidates(region, request) if all(t(server) for t in tests)]
    key = query.get("sort_key", "created_at")
    if key not in SORT_KEYS:
        raise Refused(400, f"Invalid input for query parameters sort_key. Value: {key}.")
    if key != "created_at":
        found.sort(key=lambda server: str(getattr(server, SORT_KEYS[key])))
    if query.get("sort_dir", "desc") == "desc":
        found.reverse()
    return found


def _candidates(region: RegionState, request: Request) -> list[Server]:
    query = request.query_params
    living, deleted = list(region.servers.values()), list(region.deleted_servers.values())
    if "changes-since" in query:
        since = _moment(query["changes-since"])
        return [server for server in deleted + living if server.updated >= since]
    return deleted if is_true(query.get("deleted")) else living


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"Invalid filter field: changes-since. Value: {text}."
        raise Refused(400, message) from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return at


def _test(name: str, value: str) -> Test:
    if name not in _FILTERS:
        raise Refused(400, f"'{name}' does not match any of the regexes: '^_'")
    return _FILTERS[name](value)


def _by_regex(read: Callable[[Server], str]) -> Callable[[str], Test]:
    def of(value: str) -> Test:
        try:
            pattern = re.compile(value, re.IGNORECASE)
        except re.error as error:
            raise Refused(400, f"Invalid filter: {value} is not a regular expression") from error
        return lambda server: pattern.search(read(server)) is not None

    return of


def _by_value(read: Callable[[Server], object]) -> Callable[[str], Test]:
    return lambda value: lambda server: str(read(server)) == value


def _tags(value: str) -> frozenset[str]:
    return frozenset(value.split(","))


_FILTERS: dict[str, Callable[[str], Test]] = {
    "availability_zone": _by_value(lambda server: server.zone),
    "flavor": _by_value(lambda server: server.flavor.id),
    "image": _by_value(lambda server: server.image_id),
    "key_name": _by_value(lambda server: server.key_name),
    "name": _by_regex(lambda server: server.name),
    "not-tags": lambda value: lambda server: not _tags(value) <= set(server.tags),
    "not-tags-any": lambda value: lambda server: not _tags(value) & set(server.tags),
    "reservation_id": _by_value(lambda server: server.reservation_id),
    "status": lambda value: lambda server: server.status == value.upper(),
    "tags": lambda value: lambda server: _tags(value) <= set(server.tags),
    "tags-any": lambda value: lambda server: bool(_tags(value) & set(server.tags)),
    "task_state": _by_value(lambda server: server.task_state),
    "uuid": _by_value(lambda server: server.id),
    "vm_state": _by_value(lambda server: server.vm_state),
}
