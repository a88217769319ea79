"""What PostgreSQL itself says of a member, and the one thing that is asked of it: a checkpoint.

Source: PostgreSQL 15, "Monitoring Database Activity" (pg_stat_*), "Functions: pg_is_in_recovery".
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from springtide.errors import Misconfigured, Retryable
from springtide.model.cluster_view import DatabaseFacts
from springtide.model.database import DatabaseCluster, DatabaseMember

_CALL_S = 5.0
_CHECKPOINT_S = 300.0
_DATABASE = "postgres"
# What pg_dump calls itself, unless somebody tells it otherwise; nothing else of it can be seen.
_FACTS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pg_dump%') AS dumps,
       (SELECT count(*) FROM pg_stat_progress_basebackup) AS base_backups,
       (SELECT count(*) FROM pg_prepared_xacts) AS prepared,
       pg_is_in_recovery() AS replica,
       (SELECT last_archived_time FROM pg_stat_archiver) AS archived_at,
       (SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
          FROM pg_stat_archiver) AS archiving_fails
"""

_BROKEN = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection says that broke while it was answering
    OSError,
    TimeoutError,
)
_TAKES_WRITES = (
    "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool"
)


class Databases:
    """The PostgreSQL of a cluster's members, each asked directly."""

    def __init__(
        self, cluster: DatabaseCluster, environment: Mapping[str, str] = os.environ
    ) -> None:
        """Nothing is sent yet."""
        self._cluster, self._environment = cluster, environment

    async def facts(self, member: str) -> DatabaseFacts:
        """What is under way on the member; where it does not answer, that.

        Raises:
            Misconfigured: our role is refused, or may not see it.
        """
        try:
            async with self._connected(member) as connection:
                row = await connection.fetchrow(_FACTS, timeout=_CALL_S)
        except Retryable as error:
            return DatabaseFacts(member=member, trouble=str(error))
        return DatabaseFacts(
            member=member,
            dumps=row["dumps"],
            base_backups=row["base_backups"],
            prepared_transactions=row["prepared"],
            archived_at=None if row["replica"] else row["archived_at"],
            archiving_fails=row["archiving_fails"] and not row["replica"],
        )

    async def takes_writes(self, member: str) -> bool:
        """Whether the member is one that would take a write now; who does not answer takes none.

        Raises:
            Misconfigured: our role is refused.
        """
        try:
            async with self._connected(member) as connection:
                return bool(await connection.fetchval(_TAKES_WRITES, timeout=_CALL_S))
        except Retryable:
            return False

    async def checkpoint(self, member: str) -> None:
        """Write what is dirty now, so that a switchover's own checkpoint has little left to write.

        Raises:
            Retryable: it does not answer, or not in time.
            Misconfigured: our role is refused.
        """
        async with self._connected(member) as connection:
            await connection.execute("CHECKPOINT", timeout=_CHECKPOINT_S)

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator[Any]:
        member = self._cluster.member(name)
        if member is None:
            raise Misconfigured(f"the cluster has no member {name!r}", field="member")
        try:
            connection = await self._connect(member)
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise self._refused(name, str(error)) from error
        except _BROKEN as error:
            raise Retryable(_silent(name, error)) from error
        try:
            yield connection
        except asyncpg.InsufficientPrivilegeError as error:
            raise self._refused(name, str(error)) from error
        except _BROKEN as error:
            raise Retryable(_silent(name, error)) from error
        finally:
            connection.terminate()

    async def _connect(self, member: DatabaseMember) -> Any:  # noqa: ANN401 - it has no types
        host, _, port = member.address.rpartition(":")
        user, password = (
            self._environment.get(name)
            for name in (self._cluster.database_user_env, self._cluster.database_password_env)
        )
        if not user or not password:
            raise self._refused(member.name, "the worker has no credentials")
        return await asyncio.wait_for(
            asyncpg.connect(
                host=host,
                port=int(port),
                user=user,
                password=password,
                database=_DATABASE,
                timeout=_CALL_S,
                ssl="prefer",
            ),
            _CALL_S,
        )

    def _refused(self, name: str, why: str) -> Misconfigured:
        variables = f"${self._cluster.database_user_env}, ${self._cluster.database_password_env}"
        return Misconfigured(
            f"PostgreSQL of {name}: {why}",
            field=f"database_clusters: {self._cluster.name}",
            allowed=f"a role of pg_monitor and pg_checkpoint in {variables}",
        )


def _silent(name: str, error: Exception) -> str:
    return f"PostgreSQL of {name} does not answer: {type(error).__name__} {error}".strip()
