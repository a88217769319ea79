"""What the estate names beside it is read and checked with it."""

from pathlib import Path

import pytest

from springtide.estate import USER_DATA_LIMIT, load_estate, school_holidays, user_data
from springtide.model.school import SchoolHolidays
from tests.estates import an_estate, trouble, written


def with_user_data(folder: Path, data: bytes | None) -> Path:
    """An estate whose fleet names a file with that data; None: there is no such file."""
    estate = an_estate()
    estate["fleets"][0]["user_data_file"] = "api.ps1"
    if data is not None:
        (folder / "api.ps1").write_bytes(data)
    return written(folder, estate)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"#ps1\r\nexit 0\r\n", "#ps1\r\nexit 0\r\n", id="as it stands"),
        pytest.param(b"\xef\xbb\xbf#ps1\n", "#ps1\n", id="without a byte order mark"),
        pytest.param(b"x" * USER_DATA_LIMIT, "x" * USER_DATA_LIMIT, id="as much as Nova takes"),
    ],
)
def test_user_data(tmp_path: Path, data: bytes, expected: str) -> None:
    """The text for the servers' first start."""
    path = with_user_data(tmp_path, data)
    assert expected == user_data(load_estate(path).fleets[0], path)


def test_a_fleet_without_user_data(tmp_path: Path) -> None:
    """It needs none."""
    path = written(tmp_path, an_estate())
    assert user_data(load_estate(path).fleets[0], path) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(None, "given 'api.ps1', there is no such file", id="missing"),
        pytest.param(b"\xff\xfe#\x00", "api.ps1 is not UTF-8", id="UTF-16"),
        pytest.param(
            b"x" * (USER_DATA_LIMIT + 1),
            "api.ps1 has 49150 bytes (allowed: at most 49149,",
            id="a byte more than Nova takes",
        ),
    ],
)
def test_user_data_that_cannot_be_sent(tmp_path: Path, data: bytes | None, expected: str) -> None:
    """It is found when the estate is read, not when 300 servers are to be made."""
    (line,) = trouble(with_user_data(tmp_path, data))
    assert line.startswith(f"fleets.0.user_data_file: {expected}")


def with_school_holidays(folder: Path, content: str | None) -> Path:
    """An estate that names a school holidays file; None: there is no such file."""
    if content is not None:
        (folder / "school.yaml").write_text(content, encoding="utf-8")
    return written(folder, an_estate() | {"school_holidays_file": "school.yaml"})


def test_school_holidays(tmp_path: Path) -> None:
    """Its entries, and until when it is complete."""
    entry = "{name: Pont, zones: [A], first_day: 2026-05-15, last_day: 2026-05-16}"
    path = with_school_holidays(tmp_path, f"complete_until: 2029-08-31\nholidays:\n  - {entry}\n")
    found = school_holidays(load_estate(path), path)
    assert "2029-08-31" == str(found.complete_until)
    assert ["Pont"] == [each.name for each in found.holidays]


def test_an_estate_without_school_holidays(tmp_path: Path) -> None:
    """The built-in dates stand alone."""
    path = written(tmp_path, an_estate())
    assert SchoolHolidays() == school_holidays(load_estate(path), path)


def test_a_school_holidays_file_that_is_wrong(tmp_path: Path) -> None:
    """Its mistakes are named like those of the estate, by its own path."""
    (line,) = trouble(with_school_holidays(tmp_path, "holiday: []\n"))
    wanted = "holiday: is not a field; did you mean holidays? (allowed: complete_until, holidays)"
    assert f"{tmp_path / 'school.yaml'}: {wanted}" == line


def test_a_school_holidays_file_that_is_missing(tmp_path: Path) -> None:
    """The field that names it stands in the message."""
    (line,) = trouble(with_school_holidays(tmp_path, None))
    assert line.startswith("school_holidays_file: given 'school.yaml', there is no such file")
