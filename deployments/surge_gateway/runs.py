"""The gateway's hands on Prefect: it starts runs of one deployment and reads those alone."""

import os
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from deployments.surge_gateway.bodies import Surge, SurgeOrder
from springtide.errors import GuardRefused, Misconfigured, NotFound, Retryable

_TIMEOUT_S = 10.0
_STATES: dict[str, Literal["accepted", "waits for approval", "running", "completed", "failed"]] = {
    "SCHEDULED": "accepted",
    "PENDING": "accepted",
    "RUNNING": "running",
    "PAUSED": "waits for approval",
    "COMPLETED": "completed",
}


class SurgeRuns:
    """Runs of the surge's deployment, each under the key of its surge."""

    def __init__(self, api_url: str, deployment: str) -> None:
        """Nothing is called yet; `PREFECT_API_AUTH_STRING` is used as Prefect's own client does."""
        user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        self._client = httpx.AsyncClient(
            base_url=api_url,
            timeout=_TIMEOUT_S,
            auth=(user, password) if user else None,
            trust_env=False,
        )
        self._deployment = deployment
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

        Raises:
            GuardRefused: the key stands for another order.
            Retryable: Prefect does not answer; the same call may be made again.
        """
        wish = {**order.model_dump(mode="json"), "owner": owner, "key": key}
        answer = await self._call(
            "POST",
            f"/deployments/{await self._id()}/create_flow_run",
            {"parameters": wish, "idempotency_key": _idempotency(key), "tags": ["gateway"]},
        )
        run = answer.json()
        there = run["parameters"]
        if any(there.get(name) != value for name, value in wish.items()):
            raise GuardRefused(f"key {key!r} stands for another order")
        return _surge(key, run)

    async def find(self, key: str) -> Surge:
        """The surge of that key.

        Raises:
            NotFound: this gateway has started none.
            Retryable: Prefect does not answer.
        """
        wish = {
            "flow_runs": {
                "idempotency_key": {"any_": [_idempotency(key)]},
                "deployment_id": {"any_": [await self._id()]},
            }
        }
        runs = (await self._call("POST", "/flow_runs/filter", wish)).json()
        if not runs:
            raise NotFound(f"no surge of the key {key!r} was asked for here")
        return _surge(key, runs[0])

    async def _id(self) -> str:
        if self._deployment_id is None:
            answer = await self._call("GET", f"/deployments/name/{self._deployment}")
            self._deployment_id = str(answer.json()["id"])
        return self._deployment_id

    async def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Retryable(f"Prefect does not answer: {type(error).__name__}") from error
        if answer.is_success:
            return answer
        if answer.status_code == httpx.codes.NOT_FOUND:
            # It was deployed anew under another id, perhaps.
            self._deployment_id = None
            raise Retryable(f"Prefect has no deployment {self._deployment}: deploy it")
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Retryable(f"Prefect answers {answer.status_code}")
        raise Misconfigured(f"Prefect refuses the gateway: {answer.status_code}")


def _idempotency(key: str) -> str:
    return f"surge-{key}"


def _surge(key: str, run: dict[str, Any]) -> Surge:
    state = run.get("state") or {}
    return Surge(
        key=key,
        state=_STATES.get(state.get("type", "SCHEDULED"), "failed"),
        message=(state.get("message") or "")[:2000],
        run=run["id"],
    )
