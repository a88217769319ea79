"""Prefect's server as it is read: its answers, and every way in which it may give none."""

import asyncio
import json
from typing import Any

import pytest

from springtide.clouds.prefect_server import API_URL, PrefectServer, open_prefect
from springtide.errors import Misconfigured, NotFound, Retryable, SpringtideError
from springtide.model.glance import FlowRun, ShownTable
from tests.planning.fleet_world import START


def telling(answers: dict[str, Any]) -> PrefectServer:
    """A server that answers so by path; by page where the answer is a list of pages."""

    async def ask(_method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        if path not in answers:
            raise NotFound(path)
        if path == "/variables/filter":
            assert isinstance(body, dict)
            return answers[path][body["offset"] // body["limit"]]
        return answers[path]

    return PrefectServer(ask)


def a_variable(number: int) -> dict[str, object]:
    """A stored entry."""
    return {"name": f"springtide_claim_{number}", "value": {"number": number}}


@pytest.mark.parametrize("count", [0, 199, 200, 201, 400])
def test_all_pages_of_entries_are_read(count: int) -> None:
    """A full page may have a next one."""
    every = [a_variable(number) for number in range(count)]
    pages = [every[at : at + 200] for at in range(0, count + 1, 200)]
    found = asyncio.run(telling({"/variables/filter": pages}).entries("springtide_"))
    assert {str(v["name"]): v["value"] for v in every} == found


def test_entries_without_end_are_told() -> None:
    """Better no answer than half of one."""
    pages = [[a_variable(number) for number in range(200)]] * 50
    with pytest.raises(Retryable, match="more than 10000 entries"):
        asyncio.run(telling({"/variables/filter": pages}).entries("springtide_"))


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
