"""What the estate says of vaults: keys, recipients, second sites; and what it may not say."""

from pathlib import Path
from typing import Any

import pytest

from springtide.errors import Misconfigured
from springtide.estate import load_estate
from springtide.model.second_site import site_of
from springtide.model.vault_keys import KeyRole
from tests.estates import an_estate, trouble, written

ALICE, BOB = ("age1" + letter * 58 for letter in "qp")
FIRST = {
    "name": "documents",
    "region": "GRA11",
    "container": "backup-documents",
    "password_file": "/etc/springtide/documents.password",
}
SECOND = {
    "name": "second",
    "copy_of": "documents",
    "cloud": "second",
    "region": "SBG5",
    "container": "backup-second",
    "password_file": "/etc/springtide/second.password",
}
SOURCE = {
    "name": "documents",
    "vault": "documents",
    "paths": ["/srv/documents"],
    "restore_folder": "/srv/restored",
}


def with_vaults(folder: Path, *vaults: dict[str, Any], **changes: object) -> Path:
    """An estate with those vaults and one source, changed as asked."""
    storage = {"vaults": list(vaults), "sources": [SOURCE], "residency": ["GRA11", "SBG5", "GRA"]}
    return written(folder, an_estate() | storage | changes)


def test_each_role_has_its_file_or_the_vaults(tmp_path: Path) -> None:
    """A role without a password of its own uses the first one."""
    own = FIRST | {"passwords": {"restore": "/etc/springtide/restore.password"}}
    vault = load_estate(with_vaults(tmp_path, own)).vault("documents")
    assert {
        KeyRole.WRITE: FIRST["password_file"],
        KeyRole.PRUNE: FIRST["password_file"],
        KeyRole.RESTORE: "/etc/springtide/restore.password",
    } == {role: vault.password_file_of(role) for role in KeyRole}


@pytest.mark.parametrize(
    ("recipients", "allowed"),
    [
        pytest.param([], True, id="none"),
        pytest.param([ALICE], False, id="one"),
        pytest.param([ALICE, ALICE], False, id="one twice"),
        pytest.param([ALICE, BOB], True, id="two"),
        pytest.param([ALICE, BOB[:-1]], False, id="one too short"),
        pytest.param([ALICE, BOB.upper()], False, id="in capitals"),
    ],
)
def test_recipients(tmp_path: Path, recipients: list[str], *, allowed: bool) -> None:
    """None, or two who may each be lost."""
    path = with_vaults(tmp_path, FIRST | {"recipients": recipients})
    if allowed:
        assert tuple(recipients) == load_estate(path).vault("documents").recipients
    else:
        assert all(line.startswith("vaults.0.recipients") for line in trouble(path))


def test_a_second_site_is_a_vault_of_its_own(tmp_path: Path) -> None:
    """It is found by its name, and as a copy of the source's vault."""
    estate = load_estate(with_vaults(tmp_path, FIRST, SECOND))
    source = estate.source("documents")
    assert ("documents", "second") == (
        estate.vault_of(source).name,
        estate.vault_of(source, "second").name,
    )
    with pytest.raises(Misconfigured, match=r"films \(allowed: documents, second\)"):
        estate.vault_of(source, "films")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"copy_of": "films"}, "copy_of films (allowed: documents)", id="unknown"),
        pytest.param({"copy_of": "second"}, "copy_of second (allowed: documents)", id="of itself"),
        pytest.param({"region": "GRA11"}, "region GRA11 is where documents is", id="one region"),
        pytest.param({"region": "GRA"}, "region GRA is where documents is", id="one site"),
        pytest.param({"region": "BHS5"}, "region BHS5 is not in residency", id="abroad"),
        pytest.param({"cloud": None}, "needs a cloud of its own", id="the writers' cloud"),
        pytest.param({"cloud": "ovh"}, "needs a cloud of its own", id="the same by name"),
        pytest.param(
            {"password_file": FIRST["password_file"]}, "password_file is that of", id="one key"
        ),
    ],
)
def test_what_is_no_second_site(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    """Refused before anything is done, with the vault's name."""
    (line,) = trouble(with_vaults(tmp_path, FIRST, SECOND | changes))
    assert f"vault second: {expected}" in line


def test_nobody_backs_up_to_a_second_site(tmp_path: Path) -> None:
    """Its credential is not on the writers' machines."""
    path = with_vaults(tmp_path, FIRST, SECOND, sources=[SOURCE | {"vault": "second"}])
    (line,) = trouble(path)
    assert "no vault second (allowed: documents)" in line


@pytest.mark.parametrize(
    ("region", "site"),
    [("GRA11", "GRA"), ("GRA", "GRA"), ("SBG5", "SBG"), ("EU-WEST-PAR", "EU-WEST-PAR")],
)
def test_a_site_is_a_region_without_its_number(region: str, site: str) -> None:
    """Halls of one site burn together."""
    assert site == site_of(region)
