"""Where the user and the password come from, and what is refused."""

from pathlib import Path

import pytest

from springtide.clouds.vcenter.credentials import Credentials, credentials_of
from springtide.clouds.vcenter.trust import trusting_context
from springtide.errors import Misconfigured
from springtide.model.core import Core

USER = {"SPRINGTIDE_VCENTER_USER": "springtide"}


def core(**said: object) -> Core:
    """A core with a CA file, and what the test says."""
    given = {"host": "vcenter.example", "ca_file": "/none.pem", "clusters": ("core",)}
    return Core.model_validate(given | said)


def test_the_environment_is_asked() -> None:
    """Both variables have names that the estate can change."""
    environment = {"USER_OF_IT": "ann", "WORD_OF_IT": "open sesame"}
    named = core(user_env="USER_OF_IT", password_env="WORD_OF_IT")  # noqa: S106 - a name
    assert Credentials("ann", "open sesame") == credentials_of(named, environment)


def test_the_password_is_in_no_representation() -> None:
    """A log of the credentials tells who, and nothing more."""
    assert "open sesame" not in repr(Credentials("ann", "open sesame"))


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        pytest.param({}, "core.user_env", id="no user"),
        pytest.param({"SPRINGTIDE_VCENTER_USER": ""}, "core.user_env", id="an empty user"),
        pytest.param(USER, "core.password_env", id="no password"),
    ],
)
def test_an_unset_variable_is_named(environment: dict[str, str], field: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Misconfigured) as refused:
        credentials_of(core(), environment)
    assert field == refused.value.field


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        pytest.param("open sesame\nmore\n", 0o600, "open sesame", id="its first line"),
        pytest.param("open sesame", 0o400, "open sesame", id="without a line's end"),
        pytest.param("open sesame\n", 0o640, None, id="the group can read it"),
        pytest.param("open sesame\n", 0o604, None, id="others can read it"),
        pytest.param("", 0o600, None, id="empty"),
        pytest.param("\nsecond\n", 0o600, None, id="an empty first line"),
    ],
)
def test_a_password_file_is_for_its_user_alone(
    tmp_path: Path, text: str, mode: int, expected: str | None
) -> None:
    """One that others can read is refused, whatever it holds."""
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(mode)
    named = core(password_file=str(path))
    if expected is not None:
        assert expected == credentials_of(named, USER).password
        return
    with pytest.raises(Misconfigured) as refused:
        credentials_of(named, USER)
    assert "core.password_file" == refused.value.field


@pytest.mark.parametrize("field", ["ca_file", "certificate_file"])
@pytest.mark.parametrize("text", [None, "", "no certificate", "é"])
def test_a_file_without_a_certificate_is_named(
    tmp_path: Path, field: str, text: str | None
) -> None:
    """Missing, empty or something else: nothing is trusted then."""
    path = tmp_path / "trusted.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Misconfigured) as refused:
        trusting_context(core(**{"ca_file": None, field: str(path)}))
    assert f"core.{field}" == refused.value.field
