"""Signatures of people, by keys that ssh-keygen made, verified by ssh-keygen."""

from pathlib import Path

import pytest

from springtide.clouds.ssh_signatures import Signatures
from springtide.errors import GuardRefused, Misconfigured
from tests.signing import Person, a_person, allow

LINE = "springtide-approval-v1 resize-database-cluster school plan=0 until=2026-11-30T16:20:00Z"


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who may approve."""
    return a_person(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def eve(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who may not."""
    return a_person(tmp_path_factory.mktemp("keys"), "eve@example.org")


def refused(signatures: Signatures, line: str, signature: str) -> str:
    """Why the signature does not count."""
    with pytest.raises(GuardRefused) as error:
        signatures.verify(line, signature)
    return str(error.value)


def test_whose_signature_it_is(anna: Person, eve: Person, tmp_path: Path) -> None:
    """The name that stands beside the key, and the key's fingerprint."""
    signatures = Signatures(allow(tmp_path / "allowed", eve, anna))
    signer = signatures.verify(LINE, anna.sign(LINE))
    assert ("anna@example.org", "SHA256:") == (signer.name, signer.key[:7])
    assert signer.key != signatures.verify(LINE, eve.sign(LINE)).key


def test_a_signature_that_went_through_a_form(anna: Person, tmp_path: Path) -> None:
    """A field of one line has no line ends, or blanks instead."""
    signatures = Signatures(allow(tmp_path / "allowed", anna))
    signature = anna.sign(LINE)
    for pasted in (signature.replace("\n", ""), f" {signature.replace(chr(10), ' ')} "):
        assert "anna@example.org" == signatures.verify(LINE, pasted).name


def test_signatures_that_do_not_count(anna: Person, eve: Person, tmp_path: Path) -> None:
    """Another line, another namespace, a stranger's key, or no signature at all."""
    signatures = Signatures(allow(tmp_path / "allowed", anna))
    good = anna.sign(LINE)
    middle = len(good) // 2
    torn = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    expected = {
        "is not in allowed": eve.sign(LINE),
        "not anna@example.org's of this line: Signature verification failed": anna.sign(f"{LINE}x"),
        "namespace does not match": anna.sign(LINE, namespace="git"),
        "it is no SSH signature": "",
        "it is no SSH signature, from": f"{good}{good}",
        "it is no SSH signature, ": "-----BEGIN SSH SIGNATURE-----\n$(id)\n" * 2,
        "it is no SSH": good[:middle],
    }
    for why, signature in expected.items():
        assert why in refused(signatures, LINE, signature)
    assert refused(signatures, LINE, torn).startswith("signature: ")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param('valid-before="20200101"', "is not in allowed", id="expired"),
        pytest.param('valid-after="20990101"', "is not in allowed", id="not yet"),
        pytest.param('namespaces="git"', "not anna@example.org's", id="for another purpose"),
    ],
)
def test_a_key_that_does_not_count_today(
    anna: Person, tmp_path: Path, options: str, why: str
) -> None:
    """What allowed_signers says of a key is heeded."""
    file = tmp_path / "allowed"
    file.write_text(anna.line(options) + "\n", "ascii")
    assert why in refused(Signatures(file), LINE, anna.sign(LINE))


def test_a_revoked_key(anna: Person, eve: Person, tmp_path: Path) -> None:
    """It still stands among the allowed ones, and approves nothing any more."""
    allowed = allow(tmp_path / "allowed", anna, eve)
    revoked = tmp_path / "revoked"
    revoked.write_text(f"# lost\n{anna.public_key}\n", "ascii")
    signatures = Signatures(allowed, revoked)
    assert "key of anna@example.org is revoked" in refused(signatures, LINE, anna.sign(LINE))
    assert "eve@example.org" == signatures.verify(LINE, eve.sign(LINE)).name


@pytest.mark.parametrize("name", ["*@example.org", "anna?"])
def test_a_name_that_is_nobodys(anna: Person, tmp_path: Path, name: str) -> None:
    """A pattern names no person, so nobody would know who approved."""
    file = tmp_path / "allowed"
    file.write_text(f"{name} {anna.public_key}\n", "ascii")
    assert "must give each key one" in refused(Signatures(file), LINE, anna.sign(LINE))


def test_one_key_under_two_names(anna: Person, tmp_path: Path) -> None:
    """The first name counts: a second one makes nobody a second person."""
    file = tmp_path / "allowed"
    file.write_text(f"{anna.line()}\nben@example.org {anna.public_key}\n", "ascii")
    assert "anna@example.org" == Signatures(file).verify(LINE, anna.sign(LINE)).name


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    """It is named before anybody is asked to sign."""
    with pytest.raises(Misconfigured, match="absent: there is no such file"):
        Signatures(tmp_path / "absent")
