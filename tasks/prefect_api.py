"""Prefect's own server as a run reads it: by the client that Prefect gives it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from prefect import get_client

from springtide.clouds.prefect_server import PrefectServer
from springtide.errors import NotFound


@asynccontextmanager
async def own_server() -> AsyncIterator[PrefectServer]:
    """The server of this run, whatever its address and credentials are."""
    async with get_client() as prefect:
        client: Any = prefect  # its signature lists every route of the server

        async def ask(method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
            try:
                answer = await client.request(method, path, json=body)
            except httpx.HTTPStatusError as error:
                if method == "GET" and error.response.status_code == httpx.codes.NOT_FOUND:
                    raise NotFound(path) from error
                raise
            return answer.json()

        yield PrefectServer(ask)
