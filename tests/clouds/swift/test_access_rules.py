"""The rights in object storage that the guide gives are just those that a store's life needs."""

from urllib.parse import urlsplit

from springtide.sandbox.object_store import ObjectStore
from tests.faulty_proxy import FaultyProxy
from tests.object_stores import a_place, a_store
from tests.test_access_rules import RULES, Call, allows, rules

STORAGE_RULES = RULES.with_name("access-rules-storage.json")


def calls_of_a_life(swift: ObjectStore, proxy: FaultyProxy) -> set[Call]:
    """All that a store can be asked for, and the account that nobody has to ask for."""
    with a_store(proxy.url, swift.token, a_place(prefix="documents")) as store:
        store.make_container()
        store.set_link_key("a key")
        store.put("data/a", b"sealed")
        assert b"sealed" == store.get("data/a")
        assert 6 == store.size("data/a")
        assert ["data/a"] == [found.name for found in store.listing("data/")]
        store.stored_bytes()
        store.delete("data/a")
    return {("object-store", call.method, urlsplit(call.path).path) for call in proxy.calls()}


def test_just_the_calls_of_a_stores_life_are_allowed(
    swift: ObjectStore, proxy: FaultyProxy
) -> None:
    """None of its calls is refused, no rule is there for nothing, and the account is not ours."""
    calls, given = calls_of_a_life(swift, proxy), rules(STORAGE_RULES)
    assert set() == {call for call in calls if not any(allows(rule, call) for rule in given)}
    assert [] == [rule for rule in given if not any(allows(rule, call) for call in calls)]
    account = ("object-store", "POST", "/v1/AUTH_springtide")
    assert [] == [rule for rule in given if allows(rule, account)]
