"""Prefect's server as it is read: its answers, and every way in which it may give none."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from springtide.clouds.prefect_server import API_URL, PrefectServer, open_prefect
from springtide.errors import Misconfigured, NotFound, Retryable, SpringtideError
from springtide.model.glance import FlowRun, ShownTable
from tests.planning.fleet_world import START


def telling(answers: dict[str, Any]) -> PrefectServer:
    """A server that answers so by path."""

    async def ask(_method: str, path: str, _body: object) -> Any:  # noqa: ANN401 - JSON
        if path not in answers:
            raise NotFound(path)
        return answers[path]

    return PrefectServer(ask)


class Store:
    """A server's variables, which others change between two answers."""

    def __init__(self, count: int, changes: Iterable[Callable[[set[str]], None]] = ()) -> None:
        """So many entries, and a change after each of the first answers."""
        self.names = {f"springtide_claim_{number:05}" for number in range(count)}
        self.changes = iter(changes)
        self.asked = 0

    async def ask(self, _method: str, _path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """The page that is asked for; then the next change is made."""
        assert isinstance(body, dict)
        self.asked += 1
        first, most = body["offset"], body["limit"]
        page = [{"name": n, "value": {"of": n}} for n in sorted(self.names)[first : first + most]]
        next(self.changes, lambda _names: None)(self.names)
        return page

    def read(self) -> dict[str, object]:
        """What is read of it."""
        return asyncio.run(PrefectServer(self.ask).entries("springtide_"))


def cleared(name: str) -> Callable[[set[str]], None]:
    """Another run clears that entry."""
    return lambda names: names.discard(name)


def added(name: str) -> Callable[[set[str]], None]:
    """Another run stores that entry."""
    return lambda names: names.add(name)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 398, 399, 400, 1000])
def test_all_pages_of_entries_are_read(count: int) -> None:
    """A full page may have a next one."""
    store = Store(count)
    assert {name: {"of": name} for name in store.names} == store.read()


def test_entries_without_end_are_told() -> None:
    """Better no answer than half of one."""
    assert 9950 == len(Store(9950).read())
    with pytest.raises(Retryable, match="more than 9950 entries"):
        Store(9951).read()


@pytest.mark.parametrize(
    ("count", "change"),
    [
        pytest.param(201, cleared("springtide_claim_00000"), id="cleared-before"),
        pytest.param(201, cleared("springtide_claim_00199"), id="the-last-of-a-page-cleared"),
        pytest.param(200, cleared("springtide_claim_00199"), id="the-last-of-all-cleared"),
        pytest.param(201, cleared("springtide_claim_00200"), id="cleared-behind"),
        pytest.param(201, added("springtide_ceiling_new"), id="added-before"),
        pytest.param(201, added("springtide_freeze_new"), id="added-behind"),
    ],
)
def test_nothing_is_skipped_while_others_change_the_store(
    count: int, change: Callable[[set[str]], None]
) -> None:
    """What stands all the while is read, whatever is cleared or stored between two pages."""
    store = Store(count, [change])
    before = set(store.names)
    found = set(store.read())
    assert before & store.names <= found


def test_a_store_that_changes_at_each_page_is_read_as_trouble() -> None:
    """Nobody knows then what was skipped; it was tried three times."""
    store = Store(400, [cleared(f"springtide_claim_{number:05}") for number in range(9)])
    with pytest.raises(Retryable, match="change faster than they can be read"):
        store.read()
    assert 6 == store.asked


def test_runs_have_their_flows_name_and_their_states_message() -> None:
    """A run that has not begun has no time."""
    runs = [
        {
            "flow_id": "f-1",
            "name": "keep api",
            "state_name": "Failed",
            "state": {"message": "one is short"},
            "start_time": "2026-11-23T15:00:00Z",
            "total_run_time": 12.5,
        },
        {"flow_id": "f-2", "name": "odd", "state_name": None, "state": None, "start_time": None},
    ]
    flows = [{"id": "f-1", "name": "keep-fleet"}]
    server = telling({"/flow_runs/filter": runs, "/flows/filter": flows})
    assert (
        FlowRun(
            flow="keep-fleet",
            name="keep api",
            state="Failed",
            message="one is short",
            began_at=START,
            seconds=12.5,
        ),
        FlowRun(flow="", name="odd", state=""),
    ) == asyncio.run(server.last_runs("api"))
    assert () == asyncio.run(telling({"/flow_runs/filter": []}).last_runs("api"))


ROWS = [{"verdict": "remove", "what": "port"}]
SHOWN = {"updated": "2026-11-23T15:00:00Z", "description": "1 to remove", "data": json.dumps(ROWS)}


@pytest.mark.parametrize(
    ("artifact", "shown"),
    [
        pytest.param(
            SHOWN, ShownTable(at=START, summary="1 to remove", rows=tuple(ROWS)), id="a table"
        ),
        pytest.param(
            SHOWN | {"data": ROWS, "description": None},
            ShownTable(at=START, summary="", rows=tuple(ROWS)),
            id="decoded already, without a description",
        ),
        pytest.param(SHOWN | {"data": "# a text"}, None, id="no table"),
        pytest.param(SHOWN | {"data": None}, None, id="nothing in it"),
        pytest.param(SHOWN | {"data": "[1, 2]"}, None, id="no rows"),
        pytest.param({}, None, id="no artifact at all"),
    ],
)
def test_what_was_shown_is_a_table_or_nothing(artifact: object, shown: object) -> None:
    """Somebody may have put something else under the key."""
    assert shown == asyncio.run(
        telling({"/artifacts/leftovers/latest": artifact}).shown("leftovers")
    )


def test_what_was_never_shown_is_nothing() -> None:
    """A 404 is no fault."""
    assert asyncio.run(telling({}).shown("leftovers")) is None


async def over_http(answer: bytes, environment: dict[str, str]) -> tuple[object, str]:
    """What a read of entries gives or raises, and what was asked, of a server that says so."""
    asked: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with open_prefect({API_URL: url} | environment) as prefect:
            assert prefect is not None
            try:
                return await prefect.entries("springtide_"), "".join(asked)
            except SpringtideError as error:
                return error, "".join(asked)


def said(status: str, body: str = "") -> bytes:
    """An HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(said("401 Unauthorized"), Misconfigured, id="refused"),
        pytest.param(said("404 Not Found"), NotFound, id="another server"),
        pytest.param(said("503 Service Unavailable"), Retryable, id="busy"),
        pytest.param(said("200 OK", "<html>"), Retryable, id="no JSON"),
        pytest.param(b"", Retryable, id="broken off"),
    ],
)
def test_a_server_that_does_not_tell(answer: bytes, error: type[SpringtideError]) -> None:
    """Each is one of our errors."""
    found, _ = asyncio.run(over_http(answer, {}))
    assert error is type(found)


def test_credentials_are_those_of_prefects_own_variable() -> None:
    """User and password, as the server's operator has set them."""
    found, asked = asyncio.run(
        over_http(said("200 OK", "[]"), {"PREFECT_API_AUTH_STRING": "a:b:c"})
    )
    assert {} == found
    assert "Authorization: Basic YTpiOmM=" in asked or "authorization: Basic YTpiOmM=" in asked


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param("http://127.0.0.1:1/api", Retryable, id="nobody there"),
        pytest.param("ftp://127.0.0.1/api", Retryable, id="not HTTP"),
    ],
)
def test_an_address_that_leads_nowhere(url: str, error: type[SpringtideError]) -> None:
    """It is told, and not raised as something else."""

    async def read() -> object:
        async with open_prefect({API_URL: url}) as prefect:
            assert prefect is not None
            return await prefect.entries("springtide_")

    with pytest.raises(error):
        asyncio.run(read())


def test_without_an_address_there_is_no_server() -> None:
    """The command line goes on without."""

    async def opened() -> object:
        async with open_prefect({}) as prefect:
            return prefect

    assert asyncio.run(opened()) is None
