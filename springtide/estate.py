"""The estate file: read, checked to the last field, and what it names beside it.

As an operator reads it: the file is YAML, and `springtide estate check` names every mistake in it
by its place, the value that was given and what would be right. A key that stands twice is refused,
because YAML would silently keep the last one; `16:00` is a time with and without quotes.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from springtide.errors import Misconfigured
from springtide.model.approval import ApprovalPolicy
from springtide.model.audit import AuditPolicy
from springtide.model.base import Model
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.mistakes import mistakes
from springtide.model.price import PriceBook
from springtide.model.school import SchoolHolidays

try:
    from yaml import CSafeLoader as _Fast
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as _Fast  # type: ignore[assignment]

ESTATE_VARIABLE = "SPRINGTIDE_ESTATE"
DEFAULT_PATH = Path("deployments/estate.yaml")

USER_DATA_LIMIT = 65_535 // 4 * 3
"""Bytes of user data before base64: Nova takes 65,535 characters after it.

Source: OpenStack Compute API, "Create server", user_data.
"""

M = TypeVar("M", bound=Model)


def estate_path(environment: Mapping[str, str] = os.environ) -> Path:
    """The estate file that `SPRINGTIDE_ESTATE` names, else `deployments/estate.yaml`."""
    return Path(environment.get(ESTATE_VARIABLE) or DEFAULT_PATH)


def load_estate(path: Path) -> Estate:
    """The estate that the file describes, together with every file that it names.

    Raises:
        Misconfigured: one line for each mistake, or why the file cannot be read.
    """
    estate = read_model(path, Estate)
    for number, fleet in enumerate(estate.fleets):
        _user_data(fleet, path, field=f"fleets.{number}.user_data_file")
    school_holidays(estate, path)
    price_books(estate, path)
    if estate.approvals is not None:
        approval_files(estate.approvals, path)
    if estate.audit is not None:
        audit_files(estate.audit, path)
    return estate


def approval_files(policy: ApprovalPolicy, path: Path) -> tuple[Path, Path | None]:
    """Where allowed signers and revoked keys stand; `path` is the estate file's.

    Raises:
        Misconfigured: one of the files is missing.
    """
    allowed, revoked = policy.allowed_signers_file, policy.revoked_keys_file
    return (
        _beside(path, allowed, field="approvals.allowed_signers_file"),
        _beside(path, revoked, field="approvals.revoked_keys_file") if revoked else None,
    )


def audit_files(policy: AuditPolicy, path: Path) -> tuple[Path, Path | None]:
    """Where the workers' public keys and the revoked ones stand; `path` is the estate file's.

    Raises:
        Misconfigured: one of the files is missing.
    """
    allowed, revoked = policy.allowed_signers_file, policy.revoked_keys_file
    return (
        _beside(path, allowed, field="audit.allowed_signers_file"),
        _beside(path, revoked, field="audit.revoked_keys_file") if revoked else None,
    )


def school_holidays(estate: Estate, path: Path) -> SchoolHolidays:
    """What the estate's own school holidays file says; nothing where it names none.

    `path` is the estate file's.

    Raises:
        Misconfigured: the file cannot be read, or a line of it is wrong.
    """
    if estate.school_holidays_file is None:
        return SchoolHolidays()
    beside = _beside(path, estate.school_holidays_file, field="school_holidays_file")
    return read_model(beside, SchoolHolidays)


def price_books(estate: Estate, path: Path) -> tuple[PriceBook, ...]:
    """The price books that the estate names, in its order; none where it reports no cost.

    `path` is the estate file's.

    Raises:
        Misconfigured: a file cannot be read, or a line of it is wrong.
    """
    if estate.cost_report is None:
        return ()
    names = estate.cost_report.price_books
    return tuple(
        read_price_book(_beside(path, name, field="cost_report.price_books")) for name in names
    )


def read_price_book(path: Path) -> PriceBook:
    """The price book in that file.

    Raises:
        Misconfigured: it cannot be read, or a line of it is wrong.
    """
    return read_model(path, PriceBook)


def user_data(fleet: Fleet, path: Path) -> str | None:
    """The text of the fleet's user data, not yet in base64; None where it names none.

    `path` is the estate file's.

    Raises:
        Misconfigured: the file is missing, is not UTF-8 or is larger than Nova takes.
    """
    return _user_data(fleet, path, field=f"fleet {fleet.name}: user_data_file")


def _user_data(fleet: Fleet, path: Path, *, field: str) -> str | None:
    if fleet.user_data_file is None:
        return None
    data = _read_bytes(_beside(path, fleet.user_data_file, field=field))
    if len(data) > USER_DATA_LIMIT:
        raise Misconfigured(
            f"{path}: {field}: {fleet.user_data_file} has {len(data)} bytes",
            allowed=f"at most {USER_DATA_LIMIT}, which are 65,535 characters in base64",
        )
    try:
        # A byte order mark before `#ps1` would hide the script from cloudbase-init.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: {field}: {fleet.user_data_file} is not UTF-8") from error


def _beside(path: Path, name: str, *, field: str) -> Path:
    beside = path.parent / name
    if not beside.is_file():
        raise Misconfigured(
            f"{path}: {field}: given {name!r}, there is no such file",
            allowed=f"a path relative to {path.parent}",
        )
    return beside


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error


def read_model(path: Path, model: type[M]) -> M:
    """What the YAML file says, as a model of that kind.

    Raises:
        Misconfigured: one line for each mistake, or why the file cannot be read.
    """
    given = read_yaml(path)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        lines = (f"{path}: {line}" for line in mistakes(error, model))
        raise Misconfigured("\n".join(lines)) from error


def read_yaml(path: Path) -> dict[str, object]:
    """What the file has at its top, by key.

    Raises:
        Misconfigured: it cannot be read, is not YAML, or a key stands in it twice.
    """
    data = _read_bytes(path)
    try:
        given = _document(data)
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}: is not YAML: {_place(error)}") from error
    if not isinstance(given, dict):
        found = "nothing" if given is None else f"a {type(given).__name__}"
        raise Misconfigured(f"{path}: fields are wanted at the top, given {found}")
    return given


def _document(data: bytes) -> object:
    # Not `yaml.load`: the loaders are safe ones, which that call's readers cannot see.
    try:
        return _FastLoader(data).get_single_data()
    except yaml.YAMLError:
        # Ten times as slow, and its words for a mistake are the same on every machine.
        return _Loader(data).get_single_data()


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())


class _Strict(SafeConstructor, Resolver):
    """YAML's safe types with each key once, and YAML 1.2's idea of what is no text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - an attribute of PyYAML's; filled below

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002 - overrides a method of PyYAML
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} stands twice", problem_mark=key.start_mark
                )
            keys.add(key.value)
        return super().construct_mapping(node, deep=deep)


# YAML 1.1 reads 16:00 as 16 times 60, 030 as 24 and NO as false, and fails on 2026-02-30 without
# saying where: these stay text, and the model makes of them what its fields want.
_RESOLVERS = {
    "tag:yaml.org,2002:null": (r"^(~|null|)$", ["~", "n", ""]),
    "tag:yaml.org,2002:bool": (r"^(true|false)$", ["t", "f"]),
    "tag:yaml.org,2002:int": (r"^-?(0|[1-9][0-9]*)$", list("-0123456789")),
    "tag:yaml.org,2002:float": (r"^-?(0|[1-9][0-9]*)\.[0-9]+$", list("-0123456789")),
    "tag:yaml.org,2002:merge": (r"^<<$", ["<"]),
}
for _tag, (_pattern, _first) in _RESOLVERS.items():
    _Strict.add_implicit_resolver(_tag, re.compile(_pattern), _first)


class _Loader(_Strict, yaml.SafeLoader):
    """All of it in Python."""


class _FastLoader(_Strict, _Fast):
    """The text is read by libyaml; what becomes of it is made by the same Python."""
