"""The sandbox's object store: a real Swift, started, used and ended."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.object_store import ACCOUNT, ObjectStore, ObjectStoreError
from springtide.sandbox.process import Sandbox
from springtide.sandbox.swift_auth import REMEMBERED_S
from tests.object_stores import running_object_store

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token"  # noqa: S105 - of a store that lives as long as its test
OTHER = "another"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A Keystone."""
    with Sandbox(SandboxConfig(data_plane=False)) as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[ObjectStore]:
    """A store with a fixed token that takes Keystone's, too."""
    folder = tmp_path_factory.mktemp("swift")
    with running_object_store(
        folder, token=TOKEN, keystone_url=f"{sandbox.url}/identity/v3"
    ) as running:
        yield running


def ask(store: ObjectStore, method: str, path: str = "", **headers: str) -> httpx.Response:
    """The answer to a request below the storage URL; with the fixed token unless told."""
    told = {"X-Auth-Token": TOKEN} | {key.replace("_", "-"): v for key, v in headers.items()}
    content = b"12345" if method == "PUT" else None
    return httpx.request(
        method, store.url + path, headers=told, content=content, timeout=60, trust_env=False
    )


def keystone_token(sandbox: Sandbox) -> str:
    """A token that Keystone gives to who has the password."""
    identity = sandbox.config.identity
    user = {
        "name": identity.username,
        "domain": {"id": "default"},
        "password": identity.password.get_secret_value(),
    }
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    answer = httpx.post(f"{sandbox.url}/identity/v3/auth/tokens", json=body, trust_env=False)
    return str(answer.headers["X-Subject-Token"])


def test_it_keeps_objects(store: ObjectStore) -> None:
    """A container is made, an object put, read, listed and deleted."""
    statuses = [
        ask(store, "PUT", "/kept").status_code,
        ask(store, "PUT", "/kept/a").status_code,
        ask(store, "PUT", "/kept/a", If_None_Match="*").status_code,
    ]
    assert [201, 201, 412] == statuses
    assert ("12345", "a\n") == (ask(store, "GET", "/kept/a").text, ask(store, "GET", "/kept").text)
    assert [204, 404] == [
        ask(store, "DELETE", "/kept/a").status_code,
        ask(store, "GET", "/kept/a").status_code,
    ]


@pytest.mark.parametrize(
    "feature", ["tempurl", "bulk_delete", "slo", "symlink", "object_versioning"]
)
def test_it_has(store: ObjectStore, feature: str) -> None:
    """What providers offer, by its own word."""
    url = f"{store.url.removesuffix('/v1/' + ACCOUNT)}/info"
    assert feature in httpx.get(url, trust_env=False).json()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize("token", ["", "another"])
def test_a_token_that_nobody_gave_is_refused(store: ObjectStore, method: str, token: str) -> None:
    """As Keystone's own filter refuses it."""
    assert 401 == ask(store, method, "/secret", X_Auth_Token=token).status_code


def test_a_token_of_keystone_opens_its_projects_account(
    store: ObjectStore, sandbox: Sandbox
) -> None:
    """And no other's; once it is revoked it opens nothing."""
    token = keystone_token(sandbox)
    other = store.url.replace(ACCOUNT, "AUTH_other")
    headers = {"X-Auth-Token": token}
    own = ask(store, "GET", X_Auth_Token=token)
    foreign = httpx.get(other, headers=headers, trust_env=False)
    sandbox.revoke_tokens()
    time.sleep(REMEMBERED_S + 0.2)
    revoked = ask(store, "GET", X_Auth_Token=token)
    found = [answer.status_code for answer in (own, foreign, revoked)]
    assert [True, 403, 401] == [found[0] in (200, 204), *found[1:]]


def test_what_is_stored_outlives_the_processes(tmp_path: Path) -> None:
    """A later store on the same folder has it, on other ports and for another token."""
    with running_object_store(tmp_path, token=TOKEN) as first:
        ask(first, "PUT", "/kept")
        ask(first, "PUT", "/kept/a")
        pids = list(first.pids.values())
    assert [False] * 4 == [alive(pid) for pid in pids]
    with running_object_store(tmp_path, token=OTHER) as second:
        found = ask(second, "GET", "/kept/a", X_Auth_Token=OTHER)
    assert (200, "12345") == (found.status_code, found.text)


KILLED = """
import sys, time
from pathlib import Path
from springtide.sandbox.object_store import ObjectStore
with ObjectStore(Path(sys.argv[1])) as store:
    print(store.url, *store.pids.values(), flush=True)
    time.sleep(60)
"""


def test_no_server_outlives_a_killed_parent(tmp_path: Path, store: ObjectStore) -> None:
    """However it ends, its Swift ends with it."""
    assert store.pids  # so that this is skipped where no Swift can be run
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        url, *pids = parent.stdout.readline().split()
        assert answers(url)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(alive(int(pid)) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [False] * 4 == [alive(int(pid)) for pid in pids]


REFUSED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from springtide.sandbox.object_store import ObjectStore, ObjectStoreError
try:
    with ObjectStore(Path(sys.argv[1])):
        print("it runs")
except ObjectStoreError as error:
    print(error)
"""


def refusal(folder: Path, *options: str, **environment: str) -> str:
    """What a Python of its own says that runs a store in that folder."""
    return subprocess.run(
        [sys.executable, *options, "-c", REFUSED, str(folder), str(ROOT)],
        env=os.environ | environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    ).stdout


def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    """A Python that sees no installed package has no Swift either."""
    assert "springtide[sandbox]" in refusal(tmp_path, "-S", PYTHONPATH="")


def test_a_server_that_does_not_start_is_told_with_its_last_words(
    tmp_path: Path, store: ObjectStore
) -> None:
    """Here Swift is another package that is found before the real one."""
    assert store.pids
    broken = tmp_path / "path" / "swift"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit('broken on purpose')")
    told = refusal(tmp_path / "store", PYTHONPATH=str(broken.parent))
    assert "broken on purpose" in told


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Here a file stands in the way; a file system without extended attributes is told alike."""
    (tmp_path / "devices").touch()
    with pytest.raises(ObjectStoreError, match="extended attributes"):
        ObjectStore(tmp_path).check()


def alive(pid: int) -> bool:
    """Whether that process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answers(url: str) -> bool:
    """Whether something listens there."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", "/healthcheck")
    found = connection.getresponse().status == http.client.OK
    connection.close()
    return found
