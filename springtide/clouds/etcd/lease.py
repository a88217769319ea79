"""One change per cluster at a time: a key in the cluster's own store, with a lease that runs out.

Here the lock is what correctness rests on. It stands where the cluster itself agrees on its leader:
where it cannot be had, the cluster could not be changed safely either. It is checked by a fresh,
linearizable read before every act, and what is remembered of a change is written in a transaction
that holds only while the key is still ours.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from springtide.clouds.etcd.gateway import Etcd, delete, put
from springtide.errors import GuardRefused, Retryable, SpringtideError

log = logging.getLogger(__name__)

_PARTS = 3
"""A third of the lease has to be left for an act to begin, and after a third it is renewed."""
_MORE_S = 5.0
"""So much longer than a killed holder's lease it is waited for."""


class ChangeLease:
    """The right to change one cluster, as long as it is held."""

    def __init__(self, etcd: Etcd, prefix: str, *, lease: str, created: int) -> None:
        """The key of that prefix was created at revision `created`, by this lease's holder."""
        self._etcd, self._prefix = etcd, prefix
        self._lease, self._created = lease, created

    @property
    def _key(self) -> str:
        return _key_of(self._prefix)

    async def check(self) -> None:
        """Return where the lease is still ours, for a while.

        Raises:
            GuardRefused: it is not, or nobody can tell: nothing more may be done.
        """
        began = time.monotonic()
        try:
            entry = await self._etcd.entry(self._key)
            left = await self._etcd.call("/v3/lease/timetolive", {"ID": self._lease})
        except Retryable as error:
            raise GuardRefused(f"whether the lease is still ours is not known: {error}") from error
        if entry is None or entry.created != self._created:
            raise GuardRefused("the lease was lost: another change may be under way")
        spent = time.monotonic() - began
        if float(left.get("TTL", 0)) - spent < self._etcd.lease_s / _PARTS:
            raise GuardRefused("the lease is about to run out, and was not renewed")

    async def write(self, name: str, value: str | None) -> None:
        """Write a key beside the lease's, or remove it (None), while the lease is ours.

        Raises:
            GuardRefused: it is not any more.
            Retryable: the store does not answer.
        """
        key = f"{self._prefix}{name}"
        change = delete(key) if value is None else put(key, value)
        if not await self._etcd.transact({self._key: self._created}, [change]):
            raise GuardRefused("the lease was lost: another change may be under way")

    async def renew_for_ever(self) -> None:
        """Renew it again and again, until cancelled; what fails is told by `check`."""
        while True:
            await asyncio.sleep(self._etcd.lease_s / _PARTS)
            try:
                await self._etcd.call("/v3/lease/keepalive", {"ID": self._lease})
            except SpringtideError as error:
                log.warning("lease=not-renewed key=%s why=%s", self._key, error)

    async def give_back(self) -> None:
        """Let others have it at once."""
        with suppress(SpringtideError):
            await self._etcd.call("/v3/lease/revoke", {"ID": self._lease})


@asynccontextmanager
async def held_lease(
    etcd: Etcd, prefix: str, *, holder: str, wait_s: float | None = None
) -> AsyncIterator[ChangeLease]:
    """Hold the right to change the cluster; wait for a killed holder's to run out.

    Raises:
        GuardRefused: another run holds it and goes on doing so.
        Retryable: the store does not answer.
    """
    patience_s = etcd.lease_s + _MORE_S if wait_s is None else wait_s
    lease = await _taken(etcd, prefix, holder=holder, wait_s=patience_s)
    renewing = asyncio.create_task(lease.renew_for_ever())
    try:
        yield lease
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        await lease.give_back()


async def _taken(etcd: Etcd, prefix: str, *, holder: str, wait_s: float) -> ChangeLease:
    granted = await etcd.call("/v3/lease/grant", {"TTL": etcd.lease_s})
    lease, key = str(granted["ID"]), _key_of(prefix)
    deadline = time.monotonic() + wait_s
    # With the lease's own number it is nobody else's, not even of a run's second process.
    value = json.dumps({"holder": holder, "lease": lease})
    while True:
        await etcd.call("/v3/lease/keepalive", {"ID": lease})
        done = await etcd.transact({key: 0}, [put(key, value, lease=lease)])
        entry = await etcd.entry(key)
        # A lost reply to the transaction is found again by what we wrote.
        if entry is not None and (done or entry.value == value):
            return ChangeLease(etcd, prefix, lease=lease, created=entry.created)
        if time.monotonic() >= deadline:
            with suppress(Retryable):
                await etcd.call("/v3/lease/revoke", {"ID": lease})
            raise GuardRefused(f"another change of this cluster is under way: {_holder(entry)}")
        await asyncio.sleep(1)


def _holder(entry: object) -> str:
    try:
        return str(json.loads(getattr(entry, "value", "{}"))["holder"])
    except (ValueError, KeyError, TypeError):
        return "its holder is not known"


def _key_of(prefix: str) -> str:
    return f"{prefix}lease"
