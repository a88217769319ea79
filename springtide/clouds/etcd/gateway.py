"""etcd's keys, leases and transactions by its JSON gateway; any member that answers is asked.

Source: etcd 3.4, "gRPC gateway" and "API reference": /v3/kv, /v3/lease, /v3/auth.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

from springtide.errors import Misconfigured, Retryable
from springtide.model.cluster_view import StoreView
from springtide.model.database import ConsensusStore

_CALL_S = 5.0
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Entry(NamedTuple):
    """A key as it stands."""

    value: str
    created: int
    """The revision at which it was created: another one is another entry."""


class Etcd:
    """One store; every read is linearizable, which is etcd's default."""

    def __init__(self, store: ConsensusStore, environment: Mapping[str, str] = os.environ) -> None:
        """Nothing is sent yet."""
        self._store, self._environment = store, environment
        self._urls = [str(url).rstrip("/") for url in store.urls]
        self._client = httpx.AsyncClient(trust_env=False, timeout=_CALL_S)
        self._token: str | None = None

    @property
    def lease_s(self) -> int:
        """How long a lease lasts that nobody renews, in seconds."""
        return self._store.lease_s

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def view(self) -> StoreView:
        """How many members the store has, and how many of them answer in good health."""
        healthy = 0
        for url in self._urls:
            try:
                healthy += (await self._client.get(f"{url}/health")).json()["health"] == "true"
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                continue
        if healthy == 0:
            return StoreView(members=len(self._urls), healthy=0)
        found = await self.call("/v3/cluster/member/list", {})
        members = len(found.get("members", ()))
        # A member that the estate does not name cannot be asked, so it does not count as healthy.
        return StoreView(members=max(members, len(self._urls)), healthy=healthy)

    async def entry(self, key: str) -> Entry | None:
        """The key's entry; None where there is none."""
        found = (await self.call("/v3/kv/range", {"key": _packed(key)})).get("kvs") or [None]
        if found[0] is None:
            return None
        return Entry(_unpacked(found[0].get("value", "")), int(found[0]["create_revision"]))

    async def transact(self, created: Mapping[str, int], changes: Sequence[dict[str, Any]]) -> bool:
        """Make the changes if each key was created at that revision (0: is not there)."""
        compare = [
            {
                "key": _packed(key),
                "target": "CREATE",
                "result": "EQUAL",
                "create_revision": revision,
            }
            for key, revision in created.items()
        ]
        done = await self.call("/v3/kv/txn", {"compare": compare, "success": list(changes)})
        return bool(done.get("succeeded", False))

    async def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer of the first member that gives one.

        Raises:
            Retryable: none does.
            Misconfigured: our user is refused.
        """
        troubles = []
        for url in self._urls:
            try:
                answer = await self._post(url, path, body)
                found: Any = answer.json()
            except (httpx.HTTPError, ValueError) as error:
                troubles.append(f"{type(error).__name__} {error}")
                continue
            if answer.is_success and isinstance(found, dict):
                return found
            troubles.append(str(found)[:200])
        raise Retryable(f"the store does not answer {path}: {'; '.join(troubles)[:500]}")

    async def _post(self, url: str, path: str, body: dict[str, Any]) -> httpx.Response:
        answer = await self._client.post(
            f"{url}{path}", json=body, headers=await self._headers(url)
        )
        if self._token is None or answer.is_success:
            return answer
        self._token = None
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            return answer
        # A token ends by itself, and with the member that gave it: the call was not carried out.
        return await self._client.post(f"{url}{path}", json=body, headers=await self._headers(url))

    async def _headers(self, url: str) -> dict[str, str]:
        if self._store.user_env is None or self._store.password_env is None:
            return {}
        if self._token is None:
            login = {
                "name": self._environment.get(self._store.user_env, ""),
                "password": self._environment.get(self._store.password_env, ""),
            }
            answer = await self._client.post(f"{url}/v3/auth/authenticate", json=login)
            if answer.status_code in _REFUSED:
                raise Misconfigured("the store refuses our user", field="store.user_env")
            # Another trouble is this member's own: the next one is asked.
            self._token = str(answer.raise_for_status().json()["token"])
        return {"Authorization": self._token}


def put(key: str, value: str, *, lease: str = "0") -> dict[str, Any]:
    """The change that writes the key; it goes away with its lease, where it has one."""
    return {"request_put": {"key": _packed(key), "value": _packed(value), "lease": lease}}


def delete(key: str) -> dict[str, Any]:
    """The change that removes the key."""
    return {"request_delete_range": {"key": _packed(key)}}


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _unpacked(text: str) -> str:
    return base64.b64decode(text).decode("utf-8", "replace")
