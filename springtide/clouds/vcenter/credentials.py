"""Who logs in: from the worker's environment, or a file that only its user can read."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from springtide.errors import Misconfigured
from springtide.model.core import Core


@dataclass(frozen=True)
class Credentials:
    """A user's name and password; the password shows in no log."""

    user: str
    password: str = field(repr=False)


def credentials_of(core: Core, environment: Mapping[str, str]) -> Credentials:
    """The credentials that the estate names.

    Raises:
        Misconfigured: a variable is not set, or the file is missing, empty or open to others.
    """
    user = environment.get(core.user_env)
    if not user:
        raise _unset("core.user_env", core.user_env)
    if core.password_file is not None:
        return Credentials(user, _first_line(Path(core.password_file)))
    password = environment.get(core.password_env)
    if not password:
        raise _unset("core.password_env", core.password_env)
    return Credentials(user, password)


def _unset(field_name: str, variable: str) -> Misconfigured:
    return Misconfigured(f"{variable} is not set in the worker's environment", field=field_name)


def _first_line(path: Path) -> str:
    name = "core.password_file"
    try:
        mode = path.stat().st_mode
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read", field=name) from error
    if stat.S_IMODE(mode) & 0o077:
        raise Misconfigured(f"others can read {path}", field=name, allowed="mode 0600")
    if not lines or not lines[0]:
        raise Misconfigured(f"{path} has no first line", field=name)
    return lines[0]
