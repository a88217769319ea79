"""A store by a cloud's entry in clouds.yaml, on the sandbox's Keystone and a real Swift."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from springtide.clouds.swift.opening import open_swift_store
from springtide.errors import Misconfigured
from springtide.sandbox.config import SandboxConfig, SandboxRegion
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.process import Sandbox
from springtide.sandbox.swift_auth import REMEMBERED_S
from tests.object_stores import QUICK, RESIDENCY, a_place, running_object_store


class Ground(NamedTuple):
    """A Keystone whose tokens a Swift takes, and their clouds.yaml."""

    sandbox: Sandbox
    clouds_yaml: Path


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Both running; the catalogue has no object store: clouds.yaml names it."""
    folder = tmp_path_factory.mktemp("opening")
    config = SandboxConfig(regions=(SandboxRegion(name="GRA"),), data_plane=False)
    with Sandbox(config) as sandbox:
        keystone_url = f"{sandbox.url}/identity/v3"
        with running_object_store(folder / "swift", keystone_url=keystone_url) as swift:
            path = sandbox.clouds_yaml(folder / "clouds.yaml")
            yield Ground(
                sandbox,
                changed(path, "clouds-changed.yaml", object_store_endpoint_override=swift.url),
            )


def changed(path: Path, name: str, **settings: object) -> Path:
    """A clouds.yaml of that name beside that one, with other settings of the cloud."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["clouds"]["sandbox"] |= settings
    found = path.with_name(name)
    found.write_text(yaml.safe_dump(content), encoding="utf-8")
    return found


def tokens_asked_for(ground: Ground) -> int:
    """How many since the calls were last forgotten."""
    counted = ground.sandbox.call_counts().items()
    return sum(n for key, n in counted if key.method == "POST" and "tokens" in key.path)


def test_a_store_is_opened_with_a_token_of_keystone(ground: Ground) -> None:
    """The first call asks for it."""
    with open_swift_store(
        "sandbox", a_place(), residency=RESIDENCY, clouds_yaml=ground.clouds_yaml, policy=QUICK
    ) as store:
        store.make_container()
        store.put("a", b"1")
        assert b"1" == store.get("a")


def test_a_revoked_token_is_renewed(ground: Ground) -> None:
    """By the 401 that Swift answers once it remembers the token no more."""
    with open_swift_store(
        "sandbox", a_place(), residency=RESIDENCY, clouds_yaml=ground.clouds_yaml, policy=QUICK
    ) as store:
        store.make_container()
        ground.sandbox.revoke_tokens()
        threading.Event().wait(REMEMBERED_S + 0.5)
        ground.sandbox.forget_calls()
        assert store.size("a") is None
    assert 1 == tokens_asked_for(ground)


def test_nothing_is_asked_before_the_first_call(ground: Ground) -> None:
    """A store that is opened and not used costs no token."""
    ground.sandbox.forget_calls()
    open_swift_store(
        "sandbox", a_place(), residency=RESIDENCY, clouds_yaml=ground.clouds_yaml
    ).close()
    assert 0 == tokens_asked_for(ground)


def test_a_place_outside_the_residency_is_refused(ground: Ground) -> None:
    """Before clouds.yaml is read."""
    with pytest.raises(Misconfigured, match="residency"):
        open_swift_store(
            "no such cloud",
            a_place(region="WAW"),
            residency=RESIDENCY,
            clouds_yaml=ground.clouds_yaml,
        )


@pytest.mark.parametrize(
    ("cloud", "settings", "told"),
    [
        pytest.param("elsewhere", {}, "no cloud 'elsewhere'", id="no such cloud"),
        pytest.param(
            "sandbox",
            {"object_store_endpoint_override": None},
            "no object-store in region GRA",
            id="no object store in the catalogue",
        ),
    ],
)
def test_what_is_wrong_with_the_cloud_is_told(
    ground: Ground, cloud: str, settings: dict[str, object], told: str
) -> None:
    """At the first call; it is not tried again."""
    path = changed(ground.clouds_yaml, "clouds-wrong.yaml", **settings)
    store = open_swift_store(cloud, a_place(), residency=RESIDENCY, clouds_yaml=path, policy=QUICK)
    with store, pytest.raises(Misconfigured, match=told):
        store.size("a")


def test_a_clouds_yaml_that_is_not_there_is_told(ground: Ground) -> None:
    """With where it is looked for, and not as a file without that cloud."""
    path = ground.clouds_yaml.with_name("nowhere.yaml")
    store = open_swift_store("ovh", a_place(), residency=RESIDENCY, clouds_yaml=path, policy=QUICK)
    with store, pytest.raises(Misconfigured, match=r"no clouds\.yaml found for the cloud 'ovh'"):
        store.size("a")


def test_an_identity_service_that_refuses_for_now_is_asked_again(ground: Ground) -> None:
    """Each try is a failure that passes."""
    ground.sandbox.add_fault(
        FaultRule(service="identity", method="POST", path_regex="tokens", status=503, times=1)
    )
    with open_swift_store(
        "sandbox", a_place(), residency=RESIDENCY, clouds_yaml=ground.clouds_yaml, policy=QUICK
    ) as store:
        assert store.size("a") is None
