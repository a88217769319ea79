"""`springtide vault keys` on a real Swift: a role's password added, lost, recovered, revoked."""

from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner, Result

from flows.object_storage_backup import back_up_to_object_storage
from flows.storage_restore import restore_from_object_storage
from springtide.cli import app
from tests.flows.storage import Storage

PEOPLE = [pyrage.x25519.Identity.generate() for _ in range(2)]


@pytest.fixture
def roles(storage: Storage, tmp_path: Path) -> Storage:
    """The vault's estate names recipients, and a password of its own for restores."""
    storage.change(
        "vaults",
        recipients=[str(each.to_public()) for each in PEOPLE],
        passwords={"restore": str(tmp_path / "restore.password")},
    )
    return storage


def keys(*arguments: str) -> Result:
    """What the command says."""
    return CliRunner().invoke(app, ["vault", "keys", *arguments])


def test_a_roles_password_is_added_lost_recovered_and_revoked(
    roles: Storage, tmp_path: Path
) -> None:
    """The flows use it; what is revoked opens no more, and the others go on."""
    password, identity = tmp_path / "restore.password", tmp_path / "age.key"
    assert roles.run(back_up_to_object_storage, source="documents").is_completed()
    refused = roles.run(restore_from_object_storage, source="documents")
    assert "vaults.documents.passwords.restore" in (refused.message or "")
    told = keys("add", "documents", "restore", "--holder", "worker-2")
    assert (0, 0o600) == (told.exit_code, password.stat().st_mode & 0o777), told.output
    name = told.output.split()[1]
    assert roles.run(restore_from_object_storage, source="documents").is_completed()
    listed = keys("list", "documents").output
    assert ["no", "yes"] == [line.split()[-1] for line in listed.splitlines() if "20" in line]
    assert "worker-2" in listed
    lost = password.read_bytes()
    password.unlink()
    identity.write_text(f"# kept in a safe\n{PEOPLE[1]}\n")
    told = keys(*("recover", "documents", name, "--identity", str(identity), "--to", str(password)))
    assert (0, lost) == (told.exit_code, password.read_bytes()), told.output
    assert 0 == keys("revoke", "documents", name, "--by", "write").exit_code
    refused = roles.run(restore_from_object_storage, source="documents")
    assert "opens none of the repository's 1 key files" in (refused.message or "")
    assert roles.run(back_up_to_object_storage, source="documents").is_completed()


def test_nothing_is_written_over(roles: Storage, tmp_path: Path) -> None:
    """A password that stands stays, and no key file is made."""
    (tmp_path / "restore.password").write_text("of somebody else\n")
    told = keys("add", "documents", "restore")
    assert 2 == told.exit_code
    assert "is there already (allowed: a new file)" in told.output
    assert "restore" not in keys("list", "documents").output
    assert "of somebody else\n" == (tmp_path / "restore.password").read_text()
    assert roles.estate_file.exists()


def test_the_only_password_is_not_revoked(storage: Storage) -> None:
    """Nobody could read anything any more."""
    (line,) = (x for x in keys("list", "documents").output.splitlines() if "20" in x)
    told = keys("revoke", "documents", line.split()[0])
    assert 2 == told.exit_code
    assert "the one in use here" in told.output
    assert storage.run(back_up_to_object_storage, source="documents").is_completed()
