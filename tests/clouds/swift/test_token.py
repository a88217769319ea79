"""One token for all threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from springtide.clouds.swift.token import SharedToken
from springtide.errors import Misconfigured, RateLimited, Retryable

THREADS = 16


class Identity:
    """An identity service that counts, and refuses as long as it is told to."""

    def __init__(self, refusal: Exception | None = None) -> None:
        """Nobody has asked yet."""
        self.asked = 0
        self.refusal = refusal

    def __call__(self) -> tuple[str, str]:
        """A storage URL and a token, or the refusal."""
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return "http://store", "the same each time"


def together(act: Callable[[], object]) -> list[object]:
    """What many threads get that begin at once; an error counts as what one gets."""
    barrier = threading.Barrier(THREADS)

    def acting(_number: int) -> object:
        barrier.wait(10)
        try:
            return act()
        except Retryable as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(acting, range(THREADS)))


def test_many_threads_ask_once() -> None:
    """The others wait for the one that asks."""
    identity = Identity()
    assert 1 == len({id(found) for found in together(SharedToken(identity).current)})
    assert 1 == identity.asked


def test_many_threads_with_a_worthless_token_ask_once_more() -> None:
    """Who is late to learn of it forgets not the new one, be it of the same text."""
    identity = Identity()
    token = SharedToken(identity)
    old = token.current()

    def renew() -> object:
        token.forget(old)
        return token.current()

    together(renew)
    token.forget(old)
    token.current()
    assert 2 == identity.asked


def test_an_identity_service_that_refuses_for_now_is_asked_once_in_its_pause() -> None:
    """All threads are told to come back, by its own advice."""
    identity = Identity(RateLimited("429", retry_after_s=60))
    found = together(SharedToken(identity).current)
    assert 1 == identity.asked
    advice = [error.retry_after_s for error in found if isinstance(error, Retryable)]
    assert [True] * THREADS == [told is not None and 50 < told <= 60 for told in advice]


def test_after_its_pause_it_is_asked_again() -> None:
    """Nothing of the refusal is kept."""
    identity = Identity(RateLimited("429", retry_after_s=0.0001))
    token = SharedToken(identity)
    with pytest.raises(RateLimited):
        token.current()
    identity.refusal = None
    threading.Event().wait(0.01)
    assert "http://store" == token.current().url


def test_credentials_that_are_refused_are_told_to_each_thread() -> None:
    """It is no passing trouble."""
    token = SharedToken(Identity(Misconfigured("no such user")))
    with pytest.raises(Misconfigured):
        token.current()
