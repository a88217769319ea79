"""What Prefect's server tells by its HTTP API: stored entries, last runs, what was shown.

Flows hand in the client that Prefect gives them; the command line opens one of its own, with the
address and the credentials of Prefect's own environment variables.

Source: Prefect 3 REST API: `/variables/filter`, `/flow_runs/filter`, `/artifacts/{key}/latest`.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import ValidationError

from springtide.errors import Misconfigured, NotFound, Retryable
from springtide.model.glance import FlowRun, ShownTable

API_URL = "PREFECT_API_URL"
_AUTH = "PREFECT_API_AUTH_STRING"
_TIMEOUT_S = 10.0
_PAGE = 200
_MOST_PAGES = 50
_MOST_ENTRIES = _MOST_PAGES * (_PAGE - 1)
_READINGS = 3
"""How often the entries are read, where others clear and store some meanwhile."""
_NOT_BEGUN = ("SCHEDULED", "PENDING")
"""Types of states of runs that have no name for people yet, and nothing to tell."""

Ask = Callable[[str, str, object], Awaitable[Any]]
"""Method, path and body in; the JSON answer out."""


class PrefectServer:
    """Reads; nothing is changed by it."""

    def __init__(self, ask: Ask) -> None:
        """`ask` raises what its client raises; NotFound or None where there is nothing."""
        self._ask = ask

    async def entries(self, prefix: str) -> dict[str, object]:
        """Every variable whose name begins so, by name: none that stands all the while is missed.

        Raises:
            Retryable: there are more than can be read, or they change too fast.
        """
        for _ in range(_READINGS):
            if (found := await self._read_through(prefix)) is not None:
                return found
        raise Retryable("the stored entries change faster than they can be read")

    async def _read_through(self, prefix: str) -> dict[str, object] | None:
        """All pages, one after the other; None where entries were moved between two of them.

        Each page begins with the last name of the one before: where it does not, some that stand
        before it were cleared or stored meanwhile, and as many would be skipped or read twice.
        """
        found: dict[str, object] = {}
        last: str | None = None
        for page in range(_MOST_PAGES):
            body = {
                "variables": {"name": {"like_": f"{prefix}%"}},
                "limit": _PAGE,
                "offset": page * (_PAGE - 1),
                "sort": "NAME_ASC",
            }
            variables = await self._ask("POST", "/variables/filter", body)
            names = [variable["name"] for variable in variables]
            if last is not None and names[:1] != [last]:
                return None
            found |= {variable["name"]: variable["value"] for variable in variables}
            if len(variables) < _PAGE:
                return found
            last = names[-1]
        raise Retryable(f"more than {_MOST_ENTRIES} entries are stored")

    async def last_runs(self, deployment: str, *, most: int = 8) -> tuple[FlowRun, ...]:
        """The last runs of deployments of that name (a fleet's) that began, the newest first."""
        body = {
            "deployments": {"name": {"any_": [deployment]}},
            "flow_runs": {"state": {"type": {"not_any_": list(_NOT_BEGUN)}}},
            "sort": "START_TIME_DESC",
            "limit": most,
        }
        found = await self._ask("POST", "/flow_runs/filter", body)
        flows = await self._flow_names({run["flow_id"] for run in found})
        return tuple(_run(run, flows) for run in found)

    async def shown(self, key: str) -> ShownTable | None:
        """The newest artifact of that key, where it is a table; None: there is none."""
        try:
            found = await self._ask("GET", f"/artifacts/{key}/latest", None)
        except NotFound:
            return None
        try:
            rows = json.loads(found["data"]) if isinstance(found["data"], str) else found["data"]
            return ShownTable(
                at=found["updated"], summary=found["description"] or "", rows=tuple(rows)
            )
        except (ValidationError, ValueError, KeyError, TypeError):
            return None

    async def _flow_names(self, ids: set[str]) -> dict[str, str]:
        if not ids:
            return {}
        body = {"flows": {"id": {"any_": sorted(ids)}}, "limit": _PAGE}
        return {flow["id"]: flow["name"] for flow in await self._ask("POST", "/flows/filter", body)}


@asynccontextmanager
async def open_prefect(
    environment: Mapping[str, str] = os.environ,
) -> AsyncIterator[PrefectServer | None]:
    """Prefect's server, as `PREFECT_API_URL` names it; None where it does not."""
    url = environment.get(API_URL)
    if not url:
        yield None
        return
    user, _, password = environment.get(_AUTH, "").partition(":")
    auth = httpx.BasicAuth(user, password) if user else None
    async with httpx.AsyncClient(base_url=url.rstrip("/"), auth=auth, timeout=_TIMEOUT_S) as client:
        yield PrefectServer(_asking(client))


def _asking(client: httpx.AsyncClient) -> Ask:
    async def ask(method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = await client.request(method, path, json=body)
        except httpx.InvalidURL as error:
            raise Misconfigured(f"{error}", field=API_URL) from error
        except httpx.HTTPError as error:
            raise Retryable(f"Prefect does not answer: {type(error).__name__}") from error
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Misconfigured("Prefect refuses the credentials", field=_AUTH)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise NotFound(f"Prefect has no {path}")
        if not answer.is_success:
            raise Retryable(f"Prefect answers {answer.status_code} to {path}")
        try:
            return answer.json()
        except ValueError as error:
            raise Retryable(f"Prefect answers no JSON to {path}") from error

    return ask


def _run(run: dict[str, Any], flows: Mapping[str, str]) -> FlowRun:
    began = run.get("start_time")
    state = run.get("state") or {}
    return FlowRun(
        flow=flows.get(run["flow_id"], ""),
        name=run.get("name") or "",
        state=run.get("state_name") or "",
        message=state.get("message") or "",
        began_at=datetime.fromisoformat(began) if began else None,
        seconds=run.get("total_run_time") or 0.0,
    )
