"""When transactions were committed, by the log's own records: pg_waldump reads them.

Source: PostgreSQL 15, "pg_waldump".
"""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from springtide.clouds.postgres.programs import Programs

_COMMIT = re.compile(r"desc: COMMIT (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_MOST_S = 300.0


def commit_times(programs: Programs, segment: Path) -> list[datetime]:
    """The times of the commits in a segment, in the log's order."""
    name = segment.name
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        [programs.path("pg_waldump"), "--rmgr=Transaction", "-p", str(segment.parent), name, name],
        env=programs.environment() | {"TZ": "UTC"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_MOST_S,
        check=False,
    )
    # It ends with an error where the last record goes on in the next segment.
    return parse_commits(done.stdout)


def parse_commits(said: str) -> list[datetime]:
    """The times in what pg_waldump says, its zone being UTC."""
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in _COMMIT.findall(said)]
