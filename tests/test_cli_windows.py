"""The command line shows windows and costs, and its errors are lines and not tracebacks."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from icalendar import Calendar
from typer.testing import CliRunner, Result

from springtide.cli import app

EXAMPLE = Path(__file__).resolve().parent.parent / "deployments" / "estate.yaml"


def springtide(*words: str, estate: Path = EXAMPLE) -> Result:
    """What the command line answers, on a wide terminal without colours."""
    environment = {"COLUMNS": "200", "NO_COLOR": "1", "SPRINGTIDE_ESTATE": str(estate)}
    return CliRunner().invoke(app, words, env=environment)


def changed(folder: Path, **changes: object) -> Path:
    """The example's estate in a folder of its own, its window changed."""
    estate = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    estate["windows"][0].update(changes)
    del estate["fleets"][0]["user_data_file"]
    for part in ("school_holidays_file", "approvals", "audit", "cost_report"):
        del estate[part]
    path = folder / "estate.yaml"
    path.write_text(yaml.safe_dump(estate), encoding="utf-8")
    return path


def rows(result: Result) -> list[list[str]]:
    """The cells of the table's rows that begin with a date, split at two spaces."""
    assert result.exit_code == 0, result.output
    days = ("Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun ")
    lines = [line for line in result.stdout.splitlines() if line.startswith(days)]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_preview_shows_hours_servers_and_costs() -> None:
    """The evenings of a week, six paid hours each."""
    found = rows(springtide("windows", "preview", "--from", "2026-11-23", "--days", "7"))
    evening = ["16:00", "22:00", "30", "6 h", "91.80"]
    assert [
        ["Mon 2026-11-23", *evening, "Monday, school in A, B, C"],
        ["Tue 2026-11-24", *evening, "Tuesday, school in A, B, C"],
        ["Wed 2026-11-25", *evening, "Wednesday, school in A, B, C"],
    ] == found


def test_preview_says_why_a_date_is_skipped() -> None:
    """School holidays in October, a public holiday in November."""
    found = rows(springtide("windows", "preview", "--from", "2026-10-28", "--days", "15"))
    skipped = {cells[0]: cells[2] for cells in found if cells[1] == "skipped"}
    assert {
        "Wed 2026-10-28": "school holidays in A, B, C: Vacances de la Toussaint",
        "Wed 2026-11-11": "public holiday: Armistice",
    } == skipped
    assert 7 == len(found)


def test_preview_shows_what_the_lead_costs(tmp_path: Path) -> None:
    """15 minutes before the full hour are one more hour of 30 servers."""
    estate = changed(tmp_path, lead_minutes=15)
    result = springtide("windows", "preview", "--from", "2026-11-23", "--days", "1", estate=estate)
    (cells,) = rows(result)
    assert ["15:45", "22:00", "30", "7 h", "107.10", "1 h"] == cells[1:7]
    assert "15.30" in result.stdout


def test_preview_begins_today_without_a_date() -> None:
    """Two weeks always have six weekdays of the window, open or skipped."""
    assert 6 == len(rows(springtide("windows", "preview")))


def test_ical_goes_to_a_file(tmp_path: Path) -> None:
    """A calendar that others can read."""
    path = tmp_path / "evenings.ics"
    words = ("windows", "ical", "--from", "2026-11-23", "--days", "7", "-o", str(path))
    assert springtide(*words).exit_code == 0
    calendar = Calendar.from_ical(path.read_bytes())
    starts = [f"{event.start:%Y-%m-%d %H:%M}" for event in calendar.events]
    assert [f"2026-11-{day} 15:00" for day in (23, 24, 25)] == starts


def test_ical_goes_to_the_terminal() -> None:
    """Without a file it can be piped."""
    result = springtide("windows", "ical", "--from", "2026-11-23", "--days", "1")
    assert b"BEGIN:VCALENDAR" == result.stdout_bytes.split(b"\r\n")[0]
    assert b"UID:window-evening-20261123@springtide" in result.stdout_bytes


def test_schedules_shows_what_prefect_must_have() -> None:
    """Slug and cron line of each edge."""
    result = springtide("windows", "schedules")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "open-evening api 0 16 * * mon,tue,wed Europe/Paris" in lines
    assert "close-evening api 50 21 * * mon,tue,wed Europe/Paris" in lines


def test_check_shows_what_the_estate_says() -> None:
    """Fleets, regions and windows, and that all is well."""
    result = springtide("estate", "check")
    assert result.exit_code == 0
    for word in ("api-iis-*", "win-b2-60", "0.51 EUR", "SBG5", "16:00 to 22:00", "no mistakes"):
        assert word in result.stdout


def test_check_shows_what_lead_and_tail_cost(tmp_path: Path) -> None:
    """A tail of 6 minutes is too short for drain and delete at worst."""
    result = springtide("estate", "check", estate=changed(tmp_path, tail_minutes=6))
    assert "+1 h a server: 15.30 EUR" in result.stdout


@pytest.mark.parametrize("word", ["--estate", "SPRINGTIDE_ESTATE"])
def test_the_estate_is_named_by_option_or_environment(tmp_path: Path, word: str) -> None:
    """The option is the nearer of the two."""
    path = changed(tmp_path, servers=12)
    words = ("windows", "preview", "--from", "2026-11-23", "--days", "1")
    if word == "--estate":
        (cells,) = rows(springtide(*words, "--estate", str(path)))
    else:
        (cells,) = rows(springtide(*words, estate=path))
    assert "12" == cells[3]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("estate", "check"), id="check"),
        pytest.param(("windows", "preview"), id="preview"),
        pytest.param(("windows", "ical"), id="ical"),
        pytest.param(("windows", "schedules"), id="schedules"),
    ],
)
def test_mistakes_are_lines_on_stderr(tmp_path: Path, words: Sequence[str]) -> None:
    """One line for each, exit code 2, nothing on stdout."""
    path = changed(tmp_path, servers=0, days=["lundi"])
    result = springtide(*words, estate=path)
    assert (2, "") == (result.exit_code, result.stdout)
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{path}: windows.0.days.0: given 'lundi', must be 'monday', ")
    assert f"{path}: windows.0.servers: given 0, must be greater than or equal to 1" == second


def test_dates_that_nobody_knows_are_refused() -> None:
    """A preview beyond the known school holidays guesses nothing."""
    result = springtide("windows", "preview", "--from", "2028-09-01")
    assert (2, "") == (result.exit_code, result.stdout)
    (line,) = result.stderr.splitlines()
    assert "school holidays of zone A are not known on 2028-09-04" in line


def test_a_calendar_that_cannot_be_written(tmp_path: Path) -> None:
    """The path and the reason stand in one line."""
    path = tmp_path / "missing" / "evenings.ics"
    result = springtide("windows", "ical", "-o", str(path))
    assert 2 == result.exit_code
    assert f"{path}: cannot be written: No such file or directory\n" == result.stderr
