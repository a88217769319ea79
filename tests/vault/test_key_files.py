"""Key files: which password opens, and what is said where none does."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from springtide.errors import Damaged, GuardRefused, Misconfigured
from springtide.vault.key_files import PREFIX, add_key_file, find_key
from springtide.vault.sealing import SealingKey
from tests.vault.economy import PASSWORD_COST, passwords_at
from tests.vault.folder_store import FolderStore
from tests.vault.vaults import LateStore, flip, names

KEY = SealingKey.random()
AT = datetime(2020, 3, 16, 18, 0, tzinfo=UTC)
USER = ("backup", "vault-test")


def added(store: FolderStore, password: bytes, key: SealingKey = KEY) -> str:
    """The object name of a new key file."""
    return PREFIX + add_key_file(store, key, password, user=USER, at=AT)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with the key under two passwords."""
    made = FolderStore(tmp_path)
    added(made, b"first")
    added(made, b"second")
    return made


@pytest.mark.parametrize("password", [b"first", b"second"])
def test_each_password_opens_its_file(store: FolderStore, password: bytes) -> None:
    """The same key comes out, and the file is named."""
    key, name = find_key(store, password)
    assert KEY == key
    assert hashlib.sha256(store.get(PREFIX + name)).hexdigest() == name


@pytest.mark.parametrize(
    "password",
    [
        pytest.param(b"third", id="another"),
        pytest.param(b"", id="none"),
        pytest.param(b"first\n", id="with a line's end"),
        pytest.param(b"First", id="in capitals"),
    ],
)
def test_a_wrong_password_is_refused(store: FolderStore, password: bytes) -> None:
    """How many files there are is said, no more."""
    with pytest.raises(GuardRefused, match="none of the repository's 2 key files"):
        find_key(store, password)


def test_a_store_without_key_files(tmp_path: Path) -> None:
    """Is no repository."""
    with pytest.raises(Misconfigured, match="no repository"):
        find_key(FolderStore(tmp_path), b"first")


def test_a_password_is_taken_away_with_its_file(store: FolderStore) -> None:
    """The other one stays."""
    _, name = find_key(store, b"first")
    store.delete(PREFIX + name)
    assert KEY == find_key(store, b"second")[0]
    with pytest.raises(GuardRefused):
        find_key(store, b"first")


def test_a_file_tells_what_restic_wants(tmp_path: Path) -> None:
    """The field names of the design document, and its costs as one scrypt wants them."""
    store = FolderStore(tmp_path)
    with passwords_at(PASSWORD_COST):
        added(store, b"first")
    key, name = find_key(store, b"first")
    assert KEY == key
    file = json.loads(store.get(PREFIX + name))
    data, salt = base64.b64decode(file.pop("data")), base64.b64decode(file.pop("salt"))
    expected = {
        "created": "2020-03-16T18:00:00+00:00",
        "username": "backup",
        "hostname": "vault-test",
        "kdf": "scrypt",
        "N": 32768,
        "r": 8,
        "p": 1,
    }
    assert (expected, 64) == (file, len(salt))
    assert KEY.encryption not in data


def rewritten(store: FolderStore, password: bytes, **changes: object) -> None:
    """Only the file of that password, with other fields, under the name that it then has."""
    _, name = find_key(store, password)
    file = json.loads(store.get(PREFIX + name)) | changes
    for other in names(store, PREFIX):
        store.delete(other)
    data = json.dumps(file).encode()
    store.put(PREFIX + hashlib.sha256(data).hexdigest(), data)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kdf": "argon2"}, id="another function"),
        pytest.param({"N": 2**40}, id="a cost of more memory than there is"),
        pytest.param({"N": 2**22, "r": 2**20}, id="blocks of more memory than there is"),
        pytest.param({"p": 2**70}, id="a cost of more time than there is"),
        pytest.param({"N": 12345}, id="a cost that is none"),
        pytest.param({"N": -2, "r": -8}, id="costs below nothing"),
        pytest.param({"r": 0}, id="no blocks"),
        pytest.param({"N": "much"}, id="a cost in words"),
        pytest.param({"N": 32768.5}, id="a cost and a half"),
        pytest.param({"salt": "?"}, id="a salt that is none"),
        pytest.param({"salt": None}, id="no salt"),
        pytest.param({"data": "AAAA"}, id="a key too short"),
    ],
)
def test_a_strange_file_is_passed_over(store: FolderStore, changes: dict[str, object]) -> None:
    """It opens nothing, takes no memory, and keeps nobody from the next one."""
    rewritten(store, b"first", **changes)
    with pytest.raises(GuardRefused):
        find_key(store, b"first")
    added(store, b"other")
    assert KEY == find_key(store, b"other")[0]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'"text"', b"7", b"\xff\xfe", b"{}", b'{"kdf": "scrypt"}']
)
def test_what_is_no_key_file_is_passed_over(tmp_path: Path, data: bytes) -> None:
    """Whoever may write there keeps nobody from his key; it is named where no other helps."""
    store = FolderStore(tmp_path)
    name = PREFIX + "00" * 32
    store.put(name, data)
    with pytest.raises(Damaged) as caught:
        find_key(store, b"first")
    assert (name,) == caught.value.objects
    added(store, b"first")
    assert KEY == find_key(store, b"first")[0]


def test_a_flipped_bit_is_named_or_harms_nothing(tmp_path: Path) -> None:
    """Anywhere in the only file: either the same key comes out, or the file is named."""
    store = FolderStore(tmp_path)
    name = added(store, b"first")
    size = store.size(name) or 0
    outcomes: set[tuple[str, ...] | SealingKey] = set()
    for position in range(0, size, 23):
        flip(tmp_path / name, position, 3)
        try:
            outcomes.add(find_key(store, b"first")[0])
        except Damaged as error:
            outcomes.add(error.objects)
        flip(tmp_path / name, position, 3)
    assert {KEY, (name,)} == outcomes
    assert KEY == find_key(store, b"first")[0]


def test_a_damaged_file_and_a_whole_one(store: FolderStore, tmp_path: Path) -> None:
    """The other's password opens; the damaged one's names the file."""
    _, name = find_key(store, b"first")
    flip(tmp_path / PREFIX / name, -40)
    assert KEY == find_key(store, b"second")[0]
    with pytest.raises(Damaged) as caught:
        find_key(store, b"first")
    assert (PREFIX + name,) == caught.value.objects


def test_a_listing_that_names_what_is_gone(store: FolderStore, tmp_path: Path) -> None:
    """A file that was taken away keeps nobody from the others."""
    _, name = find_key(store, b"first")
    late = LateStore(tmp_path, gone={PREFIX + name})
    assert KEY == find_key(late, b"second")[0]
    with pytest.raises(GuardRefused):
        find_key(late, b"first")
