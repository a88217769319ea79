"""A source's server: who it is, how far it has written, and the slot that keeps its log for us."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from springtide.clouds.postgres.programs import Programs
from springtide.errors import GuardRefused
from springtide.model.postgres import PostgresSource
from springtide.model.wal import ServerPosition, Switch, lsn_text, parse_history, parse_lsn

_LOOK = """
SELECT pg_is_in_recovery(), extract(epoch FROM clock_timestamp()),
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,
  CASE WHEN pg_is_in_recovery() THEN '0'
    ELSE left(pg_walfile_name(pg_current_wal_flush_lsn()), 8) END,
  system_identifier, current_setting('server_version_num'),
  pg_size_bytes(current_setting('wal_segment_size'))
FROM pg_control_system()
"""
_TABLESPACES = (
    "SELECT spcname FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1"
)
_DATABASES = """
SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template0' ORDER BY datname
"""


class Look(NamedTuple):
    """What a server says of itself."""

    standby: bool
    position: ServerPosition
    system: int
    version: int
    """150018: of 15.18."""
    segment_bytes: int


@dataclass(frozen=True)
class Server:
    """The server to which a service leads; each call is a connection of its own."""

    programs: Programs
    service: str

    def look(self) -> Look:
        """Who it is and how far it has written.

        Raises:
            Retryable, Misconfigured: it does not answer, or lets us not in.
        """
        standby, at, lsn, timeline, system, version, size = self.ask(_LOOK)[0]
        time = datetime.fromtimestamp(float(at), UTC)
        position = ServerPosition(time, int(timeline, 16), parse_lsn(lsn))
        return Look(standby == "t", position, int(system), int(version), int(size))

    def history(self, timeline: int) -> tuple[Switch, ...]:
        """Where the timeline's ancestors were left; nothing of the first."""
        if timeline == 1:
            return ()
        said = self.programs.run(
            "psql",
            *("-X", "-A", "-t", "-q", "-F", "\t", f"service={self.service} replication=true"),
            *("-c", f"TIMELINE_HISTORY {timeline}"),
        )
        return parse_history(said.partition("\t")[2])

    def refuse_tablespaces(self) -> None:
        """Return where there are none but PostgreSQL's own.

        Raises:
            GuardRefused: there are: what is streamed holds one alone.
        """
        found = [row[0] for row in self.ask(_TABLESPACES)]
        if found:
            raise GuardRefused(
                f"tablespaces stand beside the data directory: {', '.join(found)};"
                " a base backup holds the data directory alone: dump the database instead"
            )

    def databases(self) -> list[str]:
        """The names of those that allow connections."""
        return [row[0] for row in self.ask(_DATABASES)]

    def keep_log(self, slot: str) -> int:
        """Have the server keep its log from now on, unless it does; from which position it does.

        A slot that has lost its hold is made anew.
        """
        # Quoted by the model's own rule: a-z, 0-9 and _.
        ours = f"FROM pg_replication_slots WHERE slot_name = '{slot}'"
        self.ask(f"SELECT pg_drop_replication_slot(slot_name) {ours} AND wal_status = 'lost'")
        self.ask(
            f"SELECT pg_create_physical_replication_slot('{slot}', true)"
            f" WHERE NOT EXISTS (SELECT {ours})"
        )
        return parse_lsn(
            self.ask(f"SELECT coalesce(restart_lsn, pg_current_wal_flush_lsn()) {ours}")[0][0]
        )

    def release_log(self, slot: str, lsn: int) -> None:
        """Let the server have back what lies before the position; never goes backwards."""
        self.ask(
            f"SELECT pg_replication_slot_advance(slot_name, '{lsn_text(lsn)}')"  # noqa: S608 - as above
            f" FROM pg_replication_slots WHERE slot_name = '{slot}'"
            f" AND restart_lsn < '{lsn_text(lsn)}' AND NOT active"
        )

    def close_segment(self) -> None:
        """Have the server go on in a new segment, if anything is in this one."""
        self.ask("SELECT pg_switch_wal()")

    def ask(self, statement: str) -> list[list[str]]:
        """The rows of a statement, as text.

        Raises:
            Retryable, Misconfigured: as `Programs.run`.
        """
        options = ("-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1")
        said = self.programs.run("psql", *options, "-c", statement, service=self.service)
        return [line.split("\t") for line in said.splitlines() if line]


def primary(source: PostgresSource) -> Server:
    """The server whose log is archived."""
    return Server(Programs(source), source.service)


def base_server(source: PostgresSource) -> Server:
    """The server of which base backups are taken."""
    return Server(Programs(source), source.base_backup_service or source.service)
