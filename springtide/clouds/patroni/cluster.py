"""A cluster under Patroni, each member asked directly; its changes are audited and named.

Source: Patroni 4.1, "Patroni REST API"; what it does beyond its pages was seen on 4.1.5.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from types import TracebackType
from typing import Any, TypeVar

import httpx

from springtide.clouds.audit import AuditLog
from springtide.clouds.patroni.views import (
    cluster_settings,
    leader_changes,
    member_view,
    scheduled_switchover,
)
from springtide.errors import GuardRefused, Misconfigured, ReplyLost, Retryable
from springtide.model.cluster_view import ClusterSettings, LeaderChange, MemberView, Role
from springtide.model.database import DatabaseCluster

Document = TypeVar("Document", dict[str, Any], list[Any])
_LOOK_S = 3.0
"""For a look: a member that hangs is told, and not waited for."""
_SWITCHOVER_S = 75.0
"""Patroni answers after up to 2 x max(10, loop_wait) seconds; loop_wait is 10 by custom."""
_RESTART_S = 330.0
"""Patroni waits for PostgreSQL's end and start, up to `primary_start_timeout` (300 s)."""
_REINITIALISE = "/reinitialize"
_FORBIDDEN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class PatroniCluster(AbstractAsyncContextManager["PatroniCluster"]):
    """One cluster; see `springtide.clouds.cluster_manager` for what it promises."""

    def __init__(
        self, cluster: DatabaseCluster, audit: AuditLog, environment: Mapping[str, str] = os.environ
    ) -> None:
        """Nothing is sent yet; changes go to `audit`.

        Raises:
            Misconfigured: the authority's file is not there.
        """
        self._cluster, self._audit = cluster, audit
        self._environment = environment
        self._urls = {m.name: str(m.url).rstrip("/") for m in cluster.members}
        # The environment's proxies are not for it: only the addresses in the estate are asked.
        self._client = httpx.AsyncClient(verify=_trust(cluster), trust_env=False, timeout=_LOOK_S)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def members(self) -> tuple[MemberView, ...]:
        """All members, in the estate's order, each by its own word."""
        first = await asyncio.gather(*(self._member(name) for name in self._urls))
        # A replica asked before its primary would seem behind by what was written in between.
        again = {v.name: self._member(v.name) for v in first if v.role is Role.REPLICA}
        fresh = dict(zip(again, await asyncio.gather(*again.values()), strict=True))
        return tuple(fresh.get(view.name, view) for view in first)

    async def settings(self) -> ClusterSettings:
        """What the members have agreed on, as the first that answers tells."""
        return cluster_settings(await self._anybody("/config", dict))

    async def scheduled_switchover(self) -> str | None:
        """For when a switchover is scheduled, as the first that answers tells."""
        return scheduled_switchover(await self._anybody("/cluster", dict))

    async def leader_changes(self) -> tuple[LeaderChange, ...]:
        """The changes of leader that the cluster remembers, as the first that answers tells."""
        return leader_changes(await self._anybody("/history", list))

    async def switch_over(self, leader: str, candidate: str, *, why: str) -> str:
        """Have the candidate lead instead of the leader, who is always named."""
        wish = {"leader": leader, "candidate": candidate}
        return await self._change(leader, "/switchover", wish, _SWITCHOVER_S, why)

    async def restart(self, member: str, role: str, *, why: str) -> str:
        """Restart the member's PostgreSQL, if it has that role."""
        return await self._change(member, "/restart", {"role": role}, _RESTART_S, why)

    async def reinitialise(self, member: str, *, why: str) -> str:
        """Begin to copy the replica anew from the primary."""
        return await self._change(member, _REINITIALISE, {"force": True}, _SWITCHOVER_S, why)

    async def _member(self, name: str) -> MemberView:
        try:
            answer = await self._client.get(f"{self._urls[name]}/patroni")
            said: Any = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            return MemberView(name=name, trouble=_short(error))
        if not isinstance(said, dict) or not isinstance(said.get("patroni"), dict):
            return MemberView(name=name, trouble="what answers there is no Patroni")
        known = said["patroni"].get("scope"), said["patroni"].get("name", name)
        if known != (self._cluster.scope, name):
            told = f"what answers there is {known[1]} of the cluster {known[0]}"
            return MemberView(name=name, trouble=told)
        return member_view(name, said)

    async def _anybody(self, path: str, kind: type[Document]) -> Document:
        troubles = []
        for name, url in self._urls.items():
            try:
                found: Any = (await self._client.get(f"{url}{path}")).raise_for_status().json()
            except (httpx.HTTPError, ValueError) as error:
                troubles.append(f"{name}: {_short(error)}")
                continue
            if isinstance(found, kind):
                return found
        raise Retryable(f"no member of {self._cluster.name} tells {path}: {'; '.join(troubles)}")

    async def _change(
        self, member: str, path: str, wish: dict[str, Any], patience_s: float, why: str
    ) -> str:
        with self._audit.change(
            "POST", f"/{member}{path}", region=self._cluster.name, service="patroni", why=why
        ) as act:
            answer = await self._post(member, path, wish, patience_s)
            act.result = f"{answer.status_code} {answer.text[:200]}"
        said = answer.text.strip()[:300]
        if answer.status_code in _FORBIDDEN:
            raise Misconfigured(
                f"{member} refuses our user ({answer.status_code})",
                field=f"database_clusters: {self._cluster.name}",
                allowed=f"the credentials in ${self._cluster.user_env} and its password's variable",
            )
        # Of all else 503 says that it took too long as well: a switchover whose key still stands, a
        # PostgreSQL that was restarted and starts yet.
        unavailable = answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        if answer.is_client_error or (unavailable and path == _REINITIALISE):
            raise GuardRefused(f"Patroni of {member} refuses {path}: {said}")
        if not answer.is_success:
            raise ReplyLost(f"Patroni of {member} failed at {path}: {answer.status_code} {said}")
        if answer.status_code == HTTPStatus.ACCEPTED and path == "/switchover":
            raise GuardRefused(f"Patroni of {member} has only scheduled it: {said}")
        return said

    async def _post(
        self, member: str, path: str, wish: dict[str, Any], patience_s: float
    ) -> httpx.Response:
        try:
            return await self._client.post(
                f"{self._urls[member]}{path}", json=wish, auth=self._login(), timeout=patience_s
            )
        except httpx.ConnectError as error:
            raise Retryable(f"{member} does not answer: {_short(error)}") from error
        except httpx.HTTPError as error:
            told = f"no answer of {member} to {path}: {_short(error)}; it may have been done"
            raise ReplyLost(told) from error

    def _login(self) -> httpx.BasicAuth:
        found = [
            self._environment.get(name, "")
            for name in (self._cluster.user_env, self._cluster.password_env)
        ]
        if not all(found):
            raise Misconfigured(
                "the worker has no credentials for Patroni",
                field=f"database_clusters: {self._cluster.name}",
                allowed=f"${self._cluster.user_env} and ${self._cluster.password_env}",
            )
        return httpx.BasicAuth(*found)


def _trust(cluster: DatabaseCluster) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cluster.ca_file)
    except OSError as error:
        raise Misconfigured(f"{cluster.ca_file} cannot be read", field="ca_file") from error


def _short(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()[:150]
