"""What is told of PostgreSQL's programs, and what is kept to this machine."""

import stat
from pathlib import Path

import pytest

from springtide.clouds.postgres.base_backup import manifest_ranges
from springtide.clouds.postgres.dumps import dump_name
from springtide.clouds.postgres.programs import Programs, failure
from springtide.clouds.postgres.server import Server
from springtide.clouds.postgres.waldump import parse_commits
from springtide.errors import Damaged, GuardRefused, Misconfigured, Retryable, SpringtideError
from springtide.model.postgres import PostgresSource
from springtide.model.wal import WalRange


def a_source(folder: Path) -> PostgresSource:
    """With programs of the test's own."""
    return PostgresSource(
        kind="postgresql",
        name="core",
        vault="core",
        service="core",
        programs_folder=str(folder),
        spool_folder="/srv/spool",
        restore_folder="/srv/restored",
    )


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        pytest.param(
            'psql: error: connection to server at "pg1", port 5432 failed: Connection refused',
            Retryable,
            'psql: connection to server at "pg1", port 5432 failed: Connection refused',
            id="it is away",
        ),
        pytest.param(
            "pg_dump: error: query failed: ERROR:  permission denied for table pupils",
            Retryable,
            "psql: ended with 1",
            id="a table's name stays here",
        ),
        pytest.param(
            'psql: error: definition of service "core" not found',
            Misconfigured,
            'service: definition of service "core" not found',
            id="no such service",
        ),
        pytest.param(
            'x: FATAL:  password authentication failed for user "springtide"',
            Misconfigured,
            'service: FATAL:  password authentication failed for user "springtide"',
            id="a wrong password",
        ),
        pytest.param(
            "x: FATAL:  the database system is starting up",
            Retryable,
            "psql: FATAL:  the database system is starting up",
            id="it starts",
        ),
        pytest.param("", Retryable, "psql: ended with 1", id="nothing said"),
    ],
)
def test_failures(said: str, kind: type[SpringtideError], told: str) -> None:
    """Only a refused connection is told in the program's own words."""
    found = failure("psql", 1, said)
    assert (kind, told) == (type(found), str(found))


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """The field is named."""
    with pytest.raises(Misconfigured, match=r"programs_folder: .*psql is not there"):
        Programs(a_source(tmp_path)).run("psql")


def test_what_a_program_is_given(tmp_path: Path) -> None:
    """The service and where files stand; nothing else of our environment."""
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\n/usr/bin/env\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    ours = {"PGPASSFILE": "/etc/p", "PGPASSWORD": "secret", "OS_PASSWORD": "secret", "HOME": "/"}
    said = Programs(a_source(tmp_path), ours).run("psql", service="core")
    given = dict(line.split("=", 1) for line in said.splitlines())
    assert ("core", "/etc/p") == (given["PGSERVICE"], given["PGPASSFILE"])
    assert "secret" not in said


def test_a_program_that_hangs(tmp_path: Path) -> None:
    """It is ended, and may be tried again."""
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(Retryable, match=r"did not end within 0\.2 s"):
        Programs(a_source(tmp_path)).run("psql", timeout_s=0.2)


@pytest.mark.parametrize(
    ("database", "name"),
    [("core", "core.dump"), ("a/b", "a%2Fb.dump"), ("..", "...dump"), ("é", "%C3%A9.dump")],
)
def test_the_name_of_a_dump(database: str, name: str) -> None:
    """Any database's name is a file's."""
    assert name == dump_name(database)


def test_the_log_that_a_manifest_names() -> None:
    """Of a replica's base backup it may lie on two timelines."""
    manifest = (
        b'{"Files": [], "WAL-Ranges": ['
        b'{"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/3000000"},'
        b'{"Timeline": 2, "Start-LSN": "0/3000000", "End-LSN": "1/28"}]}'
    )
    expected = (WalRange(1, 0x2000028, 0x3000000), WalRange(2, 0x3000000, 0x100000028))
    assert expected == manifest_ranges(manifest)


@pytest.mark.parametrize("manifest", [b"", b"{}", b'{"WAL-Ranges": [{"Timeline": 1}]}'])
def test_no_manifest(manifest: bytes) -> None:
    """A base backup without one counts for nothing."""
    with pytest.raises(Damaged, match="manifest cannot be read"):
        manifest_ranges(manifest)


def test_commits() -> None:
    """What pg_waldump of 15.18 says, its zone being UTC."""
    said = (
        "rmgr: Transaction len (rec/tot):     34/    34, tx:        733, lsn: 0/02000110, prev"
        " 0/020000D8, desc: COMMIT 2026-03-16 18:03:00.123456 UTC\n"
        "rmgr: Transaction len (rec/tot):     34/    34, tx:        734, lsn: 0/02000138, prev"
        " 0/02000110, desc: ABORT 2026-03-16 18:03:01.000000 UTC\n"
    )
    assert ["2026-03-16T18:03:00.123456+00:00"] == [at.isoformat() for at in parse_commits(said)]


def test_tablespaces_are_refused_by_name(tmp_path: Path) -> None:
    """Before anything is read: a base backup would lack what is in them."""
    psql = tmp_path / "psql"
    server = Server(Programs(a_source(tmp_path)), "core")
    psql.write_text("#!/bin/sh\n")
    psql.chmod(0o755)
    server.refuse_tablespaces()
    psql.write_text("#!/bin/sh\necho archive\necho fast\n")
    with pytest.raises(GuardRefused, match="beside the data directory: archive, fast;"):
        server.refuse_tablespaces()
