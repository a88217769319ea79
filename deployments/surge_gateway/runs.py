"""The gateway's hands on Prefect: it starts runs of one deployment and reads those alone."""

import asyncio
import base64
import os
from types import TracebackType
from typing import Any, Literal, Self
from weakref import WeakValueDictionary

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random

from deployments.surge_gateway.bodies import Surge, SurgeOrder
from springtide.errors import GuardRefused, Misconfigured, NotFound, Retryable

_TIMEOUT_S = 10.0
_AT_ONCE = 4
"""Calls to Prefect under way: on SQLite more of them only lock each other out."""
_ATTEMPTS = 3
"""Runs of one surge: killed before it stored its claim, a run leaves nothing that goes on."""
_STATES: dict[str, Literal["accepted", "waits for approval", "running", "completed", "failed"]] = {
    "SCHEDULED": "accepted",
    "PENDING": "accepted",
    "RUNNING": "running",
    "PAUSED": "waits for approval",
    "COMPLETED": "completed",
}


class _Busy(Retryable):
    """Prefect is there and does not answer: on SQLite for moments, while its database is locked."""


class SurgeRuns:
    """Runs of the surge's deployment, each under the key of its surge."""

    def __init__(self, api_url: str, deployment: str, *, patience_s: float = 6.0) -> None:
        """Nothing is called yet; `PREFECT_API_AUTH_STRING` is used as Prefect's own client does.

        `patience_s` is how long a call is repeated while Prefect is busy: all of them may be.
        """
        login = os.environ.get("PREFECT_API_AUTH_STRING", "")
        encoded = base64.b64encode(login.encode()).decode()
        self._client = httpx.AsyncClient(
            base_url=api_url,
            timeout=_TIMEOUT_S,
            headers={"Authorization": f"Basic {encoded}"} if login else None,
            trust_env=False,
        )
        self._deployment = deployment
        self._patience_s = patience_s
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._keys: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._deployment_id: str | None = None

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def start(self, key: str, order: SurgeOrder, *, owner: str) -> Surge:
        """The surge of that key: started now, or before by the same order.

        Where its run crashed another one is started: the flow's own key makes them one surge.

        Raises:
            GuardRefused: the key stands for another order.
            Retryable: Prefect does not answer; the same call may be made again.
        """
        wish = {**order.model_dump(mode="json"), "owner": owner, "key": key}
        # Copies that come at once wait for the first of them, and then find what it has started.
        async with self._keys.setdefault(key, asyncio.Lock()):
            run = await self._newest(key)
            if run is None:
                run = await self._create(wish, _attempts(key)[0])
            elif (again := _next_attempt(key, run)) is not None:
                _require_same(run, wish)
                run = await self._create(wish, again)
        _require_same(run, wish)
        return _surge(key, run)

    async def find(self, key: str) -> Surge:
        """The surge of that key.

        Raises:
            NotFound: this gateway has started none.
            Retryable: Prefect does not answer.
        """
        run = await self._newest(key)
        if run is None:
            raise NotFound(f"no surge of the key {key!r} was asked for here")
        return _surge(key, run)

    async def _newest(self, key: str) -> dict[str, Any] | None:
        attempts = _attempts(key)
        wish = {
            "flow_runs": {
                "idempotency_key": {"any_": attempts},
                "deployment_id": {"any_": [await self._id()]},
            }
        }
        runs = await self._call("POST", "/flow_runs/filter", wish)
        return max(runs, key=lambda run: attempts.index(run["idempotency_key"]), default=None)

    async def _create(self, wish: dict[str, Any], attempt: str) -> dict[str, Any]:
        path = f"/deployments/{await self._id()}/create_flow_run"
        body = {"parameters": wish, "idempotency_key": attempt, "tags": ["gateway"]}
        run: dict[str, Any] = await self._call("POST", path, body)
        return run

    async def _id(self) -> str:
        if self._deployment_id is None:
            found = await self._call("GET", f"/deployments/name/{self._deployment}")
            self._deployment_id = str(found["id"])
        return self._deployment_id

    async def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        calls = AsyncRetrying(
            retry=retry_if_exception_type(_Busy),
            stop=stop_after_delay(self._patience_s),
            wait=wait_random(0.1, 0.5),
            reraise=True,
        )
        return await calls(self._one_call, method, path, body)

    async def _one_call(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        try:
            async with self._turns:
                answer = await self._client.request(method, path, json=body)
        except (httpx.ReadError, httpx.RemoteProtocolError) as error:
            raise _Busy("Prefect closed the connection") from error
        except httpx.HTTPError as error:
            raise Retryable(f"Prefect does not answer: {type(error).__name__}") from error
        if answer.is_success:
            return _json(answer)
        if answer.status_code == httpx.codes.NOT_FOUND:
            # It was deployed anew under another id, perhaps.
            self._deployment_id = None
            raise Retryable(f"Prefect has no deployment {self._deployment}: deploy it")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise _Busy("Prefect is busy")
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Retryable(f"Prefect answers {answer.status_code}")
        raise Misconfigured(f"Prefect refuses the gateway: {answer.status_code}")


def _attempts(key: str) -> list[str]:
    """The idempotency keys of the surge's runs, in their order; no surge's key has a slash."""
    return [f"surge-{key}", *(f"surge-{key}/{number}" for number in range(2, _ATTEMPTS + 1))]


def _next_attempt(key: str, run: dict[str, Any]) -> str | None:
    """The idempotency key of the run after one that crashed; None where that one counts."""
    if (run.get("state") or {}).get("type") != "CRASHED":
        return None
    attempts = _attempts(key)
    later = attempts[attempts.index(run["idempotency_key"]) + 1 :]
    return later[0] if later else None


def _require_same(run: dict[str, Any], wish: dict[str, Any]) -> None:
    if any(run["parameters"].get(name) != value for name, value in wish.items()):
        raise GuardRefused(f"key {wish['key']!r} stands for another order")


def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    try:
        return answer.json()
    except ValueError as error:
        raise Misconfigured("what answers at PREFECT_API_URL is no Prefect") from error


def _surge(key: str, run: dict[str, Any]) -> Surge:
    state = run.get("state") or {}
    return Surge(
        key=key,
        fleet=run["parameters"].get("fleet", ""),
        state=_STATES.get(state.get("type", "SCHEDULED"), "failed"),
        message=(state.get("message") or "")[:2000],
        run=run["id"],
    )
