"""etcd by its gateway: who is asked, as whom, and how many of its members are well.

The lease itself is tested on a real etcd, in tests/real/patroni.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from springtide.clouds.etcd.gateway import Entry, Etcd
from springtide.errors import Misconfigured, Retryable
from springtide.model.cluster_view import StoreView
from springtide.model.database import ConsensusStore
from tests.clouds.scripted_server import scripted_server

NOWHERE = "http://127.0.0.1:1"
WELL = {"GET /health": (200, {"health": "true"})}
THREE = {"POST /v3/cluster/member/list": (200, {"members": [{}, {}, {}]})}
FOUND = {"kvs": [{"value": "aGVsbG8=", "create_revision": "35"}]}
RANGE = {"POST /v3/kv/range": (200, FOUND)}
LOGIN = {"ETCD_USER": "springtide", "ETCD_PASSWORD": "a word"}


def ask(urls: list[str], what: Any, environment: Mapping[str, str] = LOGIN, **store: Any) -> Any:  # noqa: ANN401 - any answer
    """The store's answer."""
    found = ConsensusStore.model_validate({"urls": urls, **store})

    async def run() -> Any:  # noqa: ANN401 - as above
        etcd = Etcd(found, environment)
        try:
            return await what(etcd)
        finally:
            await etcd.close()

    return asyncio.run(run())


def test_a_member_that_is_away_is_no_harm() -> None:
    """The next one is asked; a key that is not there is none."""
    with scripted_server(**RANGE) as server:
        found = ask([NOWHERE, server.url], lambda etcd: etcd.entry("/springtide/school/lease"))
        assert Entry("hello", 35) == found
        server.answers["POST /v3/kv/range"] = (200, {})
        assert ask([server.url], lambda etcd: etcd.entry("/x")) is None


def test_nobody_answers() -> None:
    """It is a passing trouble, and names what was asked."""
    with pytest.raises(Retryable, match="the store does not answer /v3/kv/range"):
        ask([NOWHERE], lambda etcd: etcd.entry("/x"))


@pytest.mark.parametrize(
    ("answers", "urls", "view"),
    [
        pytest.param({**WELL, **THREE}, 1, StoreView(members=3, healthy=1), id="two unnamed"),
        pytest.param({**WELL, **THREE}, 3, StoreView(members=3, healthy=3), id="all are well"),
        pytest.param(
            {"GET /health": (200, {"health": "false"})},
            1,
            StoreView(members=1, healthy=0),
            id="ill",
        ),
        pytest.param({}, 2, StoreView(members=2, healthy=0), id="no health"),
    ],
)
def test_how_many_are_well(answers: dict[str, Any], urls: int, view: StoreView) -> None:
    """A member that the estate does not name cannot be asked, and does not count as well."""
    with scripted_server(**answers) as server:
        assert view == ask([server.url] * urls, lambda etcd: etcd.view())


@pytest.mark.parametrize(
    ("store", "spare"),
    [
        pytest.param(StoreView(members=3, healthy=3), 1, id="three of three"),
        pytest.param(StoreView(members=3, healthy=2), 0, id="two of three"),
        pytest.param(StoreView(members=3, healthy=1), -1, id="no quorum"),
        pytest.param(StoreView(members=5, healthy=5), 2, id="five"),
        pytest.param(StoreView(members=1, healthy=1), 0, id="one"),
    ],
)
def test_how_many_it_can_spare(store: StoreView, spare: int) -> None:
    """More than half of its members have to answer."""
    assert spare == store.spare


def test_a_store_that_asks_for_a_user() -> None:
    """One login, then its token; one that is over is got anew, and nothing else is repeated."""
    login = {"user_env": "ETCD_USER", "password_env": "ETCD_PASSWORD"}
    authenticate = "POST /v3/auth/authenticate"
    with scripted_server(**RANGE, **{authenticate: (200, {"token": "abc"})}) as server:

        async def twice(etcd: Etcd) -> None:
            await etcd.entry("/x")
            await etcd.entry("/x")

        ask([server.url], twice, **login)
        assert [
            (authenticate, None),
            ("POST /v3/kv/range", "abc"),
            ("POST /v3/kv/range", "abc"),
        ] == [(what, token) for what, _, token in server.asked]
        assert {"name": "springtide", "password": "a word"} == server.asked[0][1]
        server.asked.clear()
        server.answers["POST /v3/kv/range"] = (401, {"error": "auth: invalid auth token"})
        with pytest.raises(Retryable, match="invalid auth token"):
            ask([server.url], lambda etcd: etcd.entry("/x"), **login)
        assert [authenticate, "POST /v3/kv/range"] * 2 == [what for what, _, _ in server.asked]
        server.asked.clear()
        server.answers["POST /v3/kv/range"] = (503, {"error": "etcdserver: request timed out"})
        with pytest.raises(Retryable, match="timed out"):
            ask([server.url], lambda etcd: etcd.entry("/x"), **login)
        assert [authenticate, "POST /v3/kv/range"] == [what for what, _, _ in server.asked]
        server.answers[authenticate] = (401, {"error": "authentication failed"})
        with pytest.raises(Misconfigured, match=r"store\.user_env: the store refuses our user"):
            ask([server.url], twice, **login)


def test_a_member_that_cannot_log_anybody_in_is_passed_over() -> None:
    """Its trouble is its own; where no other one answers, it passes and is no refusal."""
    login = {"user_env": "ETCD_USER", "password_env": "ETCD_PASSWORD"}
    authenticate = "POST /v3/auth/authenticate"
    ill = {authenticate: (503, {"error": "etcdserver: no leader"})}
    well = {authenticate: (200, {"token": "abc"})}
    with scripted_server(**ill) as first, scripted_server(**RANGE, **well) as second:
        found = ask([first.url, second.url], lambda etcd: etcd.entry("/x"), **login)
        assert Entry("hello", 35) == found
        with pytest.raises(Retryable, match="the store does not answer"):
            ask([first.url], lambda etcd: etcd.entry("/x"), **login)
