"""An empty scratch server of a real PostgreSQL: what is put into it, and what cannot be."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.clouds.postgres.programs import Programs, named
from springtide.clouds.postgres.scratch import ScratchServer
from springtide.errors import Damaged
from springtide.model.postgres import PostgresSource
from tests.real.clusters import Ground, has_postgresql

pytestmark = pytest.mark.real
ROLES = "CREATE ROLE postgres SUPERUSER;\nCREATE ROLE pupil LOGIN;\n"


@pytest.fixture
def source() -> Iterator[PostgresSource]:
    """A cluster whose own superuser is another than the dumps' one."""
    has_postgresql()
    with tempfile.TemporaryDirectory(prefix="springtide-pg-") as name:
        Path(name).chmod(0o711)
        yield Ground(Path(name)).source(superuser="drill")


@pytest.fixture
def work() -> Iterator[Path]:
    """Where its socket is."""
    with tempfile.TemporaryDirectory(prefix="springtide-pg-") as name:
        yield Path(name)


@pytest.fixture
def server(source: PostgresSource, work: Path) -> Iterator[ScratchServer]:
    """It stands, and is empty."""
    server = ScratchServer(source, Path(source.restore_folder), work)
    try:
        server.create()
        server.start(patience_s=60)
        yield server
    finally:
        server.end()


def test_roles_and_databases_are_put_into_it(
    server: ScratchServer, source: PostgresSource, work: Path, tmp_path: Path
) -> None:
    """Of a dump that it made itself; what cannot be put into it is told as damaged."""
    roles, dump, torn = (tmp_path / name for name in ("globals.sql", "a=b.dump", "torn.dump"))
    roles.write_text(ROLES, "utf-8")
    server.load_globals(roles)
    assert [["drill"], ["postgres"], ["pupil"]] == server.ask(
        "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    )
    with pytest.raises(Damaged, match="psql"):
        server.load_globals(roles)
    server.ask('CREATE DATABASE "a=b" OWNER pupil')
    server.ask("CREATE TABLE book AS SELECT generate_series(1, 9) AS line", "a=b")
    where = ("-h", str(work), "-U", "drill", "-d", named("a=b"))
    Programs(source).run("pg_dump", "--format=custom", *where, "-f", str(dump))
    torn.write_bytes(dump.read_bytes()[:-20])
    server.ask('DROP DATABASE "a=b"')
    with pytest.raises(Damaged, match="pg_restore"):
        server.load_dump(torn, "a=b")
    server.ask('DROP DATABASE IF EXISTS "a=b"')
    server.load_dump(dump, "a=b")
    assert [["45"]] == server.ask("SELECT sum(line) FROM book", "a=b")
    assert 0 == server.check()
