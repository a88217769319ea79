"""The lease on a real etcd that asks for users: whose they are, and what becomes of a token."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deployments.processes import Processes
from springtide.clouds.etcd.gateway import Etcd
from springtide.clouds.etcd.lease import held_lease
from springtide.errors import Misconfigured, Retryable
from springtide.model.database import ConsensusStore
from springtide.sandbox.sockets import free_port
from tests.real.patroni.bed import start_etcd

pytestmark = pytest.mark.real

LOGIN = {"ETCD_USER": "springtide", "ETCD_PASSWORD": "of the test"}
PREFIX = "/springtide/school/"
# Our role may touch our own keys and nobody else's, Patroni's least of all.
OURS = {"permType": "READWRITE", "key": "L3NwcmluZ3RpZGUv", "range_end": "L3NwcmluZ3RpZGUw"}
USERS = (
    ("user/add", {"name": "root", "password": "of the test"}),
    ("role/add", {"name": "root"}),
    ("user/grant", {"user": "root", "role": "root"}),
    ("user/add", {"name": LOGIN["ETCD_USER"], "password": LOGIN["ETCD_PASSWORD"]}),
    ("role/add", {"name": "changes"}),
    ("role/grant", {"name": "changes", "perm": OURS}),
    ("user/grant", {"user": LOGIN["ETCD_USER"], "role": "changes"}),
    ("enable", {}),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[Processes, str]]:
    """An etcd that asks for users, and its URL."""
    processes, url = Processes(tmp_path / "run"), f"http://127.0.0.1:{free_port()}"
    try:
        start_etcd(processes, tmp_path, url)
        for what, said in USERS:
            answer = httpx.post(f"{url}/v3/auth/{what}", json=said, timeout=10, trust_env=False)
            answer.raise_for_status()
        yield processes, url
    finally:
        processes.end_all()


def etcd_at(url: str, **environment: str) -> Etcd:
    """Our access to it."""
    login = {"user_env": "ETCD_USER", "password_env": "ETCD_PASSWORD"}
    found = ConsensusStore.model_validate({"urls": [url], "lease_s": 30, **login})
    return Etcd(found, {**LOGIN, **environment})


def test_who_may_hold_the_lease(store: tuple[Processes, str]) -> None:
    """Our user has our keys alone; a wrong password is told by its field."""
    _, url = store

    async def hold() -> tuple[int, int]:
        etcd = etcd_at(url)
        async with held_lease(etcd, PREFIX, holder="a run") as lease:
            await lease.check()
            await lease.write("change", "begun")
            with pytest.raises(Retryable, match="permission denied"):
                await etcd.entry("/service/school/leader")
            view = await etcd.view()
        return view.members, view.healthy

    assert (1, 1) == asyncio.run(hold())
    with pytest.raises(Misconfigured, match=r"store\.user_env: the store refuses our user"):
        asyncio.run(etcd_at(url, ETCD_PASSWORD="another").entry(PREFIX))  # noqa: S106 - a wrong one


def test_a_store_that_is_killed_and_comes_back(
    store: tuple[Processes, str], tmp_path: Path
) -> None:
    """The lease outlives it; the token does not, and another one is asked for."""
    processes, url = store

    async def hold() -> None:
        async with held_lease(etcd_at(url), PREFIX, holder="a run") as lease:
            await lease.check()
            processes.signal("etcd", signal.SIGKILL)
            processes.end("etcd")
            await asyncio.to_thread(start_etcd, processes, tmp_path, url)
            await lease.check()
            await lease.write("change", "goes on")

    asyncio.run(hold())
