"""One key file for each role: issued, in escrow, revoked; and what revoking does not do."""

from functools import partial
from pathlib import Path

import pyrage
import pytest

from springtide.errors import Damaged, GuardRefused, Misconfigured, NotFound, Retryable
from springtide.vault.escrow import escrow_name, recovered_password, store_password
from springtide.vault.key_files import PREFIX, find_key
from springtide.vault.key_roles import first_key, issue_key, issued_keys, revoke_key
from springtide.vault.repository import Repository
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, PASSWORD, a_repository
from tests.vault.vaults import Failing, Restic, WatchedStore, flip, names

OFFLINE = [pyrage.x25519.Identity.generate() for _ in range(2)]
RECIPIENTS = tuple(str(each.to_public()) for each in OFFLINE)
PRUNE = b"the password of the pruner"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A new one, with the writer's password alone."""
    with a_repository(tmp_path) as made:
        return made


def issued(repository: Repository, password: bytes = PRUNE, role: str = "prune") -> str:
    """The id of a new key file."""
    user = (role, "worker-1")
    return issue_key(repository.store, repository.key, password, user=user, recipients=RECIPIENTS)


@pytest.mark.parametrize("prefix", ["escrow/", "keys/", "config"])
def test_a_creation_that_was_cut_short_is_ended_in_escrow(tmp_path: Path, prefix: str) -> None:
    """Wherever the store failed: no repository stands whose password cannot be recovered."""
    work = tmp_path / "work"
    failing = WatchedStore(
        tmp_path / "repository", Failing(Retryable("503"), prefix, frozenset({1}))
    )
    made = partial(
        Repository.create,
        failing,
        PASSWORD,
        identity=IDENTITY,
        work_folder=work,
        recipients=RECIPIENTS,
    )
    with pytest.raises(Retryable):
        made()
    made().close()
    (key,) = issued_keys(failing)
    assert key.in_escrow
    assert PASSWORD == recovered_password(failing, key.file.id, [str(OFFLINE[0])])


def test_a_creation_that_began_without_recipients_is_ended_with_them(tmp_path: Path) -> None:
    """The password of its key file comes into escrow then."""
    store = FolderStore(tmp_path / "repository")
    first_key(store, PASSWORD, user=("backup", "worker-1"), recipients=())
    options = {"identity": IDENTITY, "work_folder": tmp_path, "recipients": RECIPIENTS}
    Repository.create(store, PASSWORD, **options).close()  # type: ignore[arg-type] # as they are
    assert [True] == [each.in_escrow for each in issued_keys(store)]


def test_each_role_opens_the_same_vault(repository: Repository) -> None:
    """With a password of its own; the list says whose, and whether it can be recovered."""
    name = issued(repository)
    assert (repository.key, name) == find_key(repository.store, PRUNE)
    assert [("backup", "vault-test", False), ("prune", "worker-1", True)] == sorted(
        (each.file.username, each.file.hostname, each.in_escrow)
        for each in issued_keys(repository.store)
    )


@pytest.mark.parametrize("number", [0, 1])
def test_each_recipient_alone_recovers_a_password(repository: Repository, number: int) -> None:
    """When all machines are lost, and one of the recipients too."""
    name = issued(repository)
    assert PRUNE == recovered_password(repository.store, name, [str(OFFLINE[number])])


def test_nobody_else_recovers_it(repository: Repository) -> None:
    """Neither another key of age, nor what is none."""
    name = issued(repository)
    other = str(pyrage.x25519.Identity.generate())
    with pytest.raises(GuardRefused, match="not encrypted to that key"):
        recovered_password(repository.store, name, [other])
    with pytest.raises(Misconfigured, match="no identity of age"):
        recovered_password(repository.store, name, ["AGE-SECRET-KEY-1"])
    with pytest.raises(NotFound, match="no password is kept"):
        recovered_password(repository.store, "ab" * 32, [other])


def test_a_damaged_escrow_is_told(repository: Repository, tmp_path: Path) -> None:
    """By its object's name."""
    name = issued(repository)
    flip(tmp_path / "repository" / escrow_name(name), 0)
    with pytest.raises(Damaged) as told:
        recovered_password(repository.store, name, [str(OFFLINE[0])])
    assert (escrow_name(name),) == told.value.objects


@pytest.mark.parametrize(
    "recipients",
    [
        pytest.param((), id="nobody"),
        pytest.param(RECIPIENTS[:1], id="one"),
        pytest.param(RECIPIENTS[:1] * 2, id="one twice"),
        pytest.param((RECIPIENTS[0], "age1" + "q" * 58), id="no key"),
    ],
)
def test_a_password_needs_two_recipients(
    repository: Repository, recipients: tuple[str, ...]
) -> None:
    """Refused before a key file stands."""
    before = names(repository.store)
    with pytest.raises(Misconfigured, match="recipients"):
        issue_key(
            repository.store, repository.key, PRUNE, user=("prune", "x"), recipients=recipients
        )
    assert before == names(repository.store)


def test_a_revoked_password_opens_nothing(repository: Repository) -> None:
    """The others go on as before; its password is in escrow no more."""
    name, own = issued(repository), find_key(repository.store, PASSWORD)[1]
    assert "prune" == revoke_key(repository.store, name[:8], own=own).username
    with pytest.raises(GuardRefused):
        find_key(repository.store, PRUNE)
    assert repository.key == find_key(repository.store, PASSWORD)[0]
    assert [PREFIX + own] == [n for n in names(repository.store) if n.startswith(("keys", "escr"))]


@pytest.mark.parametrize(
    ("start", "error"),
    [
        pytest.param("own", GuardRefused, id="the one in use"),
        pytest.param("", Misconfigured, id="nothing said"),
        pytest.param("zz", Misconfigured, id="none"),
    ],
)
def test_what_is_not_revoked(repository: Repository, start: str, error: type[Exception]) -> None:
    """The last key file can never go: it is the one in use."""
    own = find_key(repository.store, PASSWORD)[1]
    with pytest.raises(error):
        revoke_key(repository.store, own if start == "own" else start, own=own)
    assert own == find_key(repository.store, PASSWORD)[1]


def test_who_kept_a_copy_of_the_key_file_is_not_stopped(repository: Repository) -> None:
    """So the answer to a password that got about is a new vault: the runbook says so."""
    name = issued(repository)
    copy = repository.store.get(PREFIX + name)
    revoke_key(repository.store, name, own=find_key(repository.store, PASSWORD)[1])
    repository.store.put(PREFIX + name, copy)
    assert repository.key == find_key(repository.store, PRUNE)[0]


def test_a_run_killed_before_the_key_file_leaves_nothing_that_opens(
    repository: Repository, tmp_path: Path
) -> None:
    """The password is in escrow first; one without its key file is listed nowhere."""
    store = FolderStore(tmp_path / "repository")
    store_password(store, "ab" * 32, PRUNE, RECIPIENTS)
    assert ["backup"] == [each.file.username for each in issued_keys(store)]
    with pytest.raises(GuardRefused):
        find_key(repository.store, PRUNE)


@pytest.mark.real
def test_restic_opens_with_each_role_and_lists_them(repository: Repository, tmp_path: Path) -> None:
    """What is in escrow beside its own objects is no matter to it."""
    issued(repository)
    listed = Restic(tmp_path).says("key", "list").decode()
    assert "prune" in listed
    assert "worker-1" in listed
    assert b"no errors were found" in Restic(tmp_path).says("check", "--read-data")
