"""A PostgreSQL cluster that is backed up."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from springtide.model.base import Model, Name
from springtide.model.paths import AbsolutePath

BASE, DUMPS, WAL = 1, 2, 3
"""The parts of a cluster's backup."""
PART_PATHS = {BASE: "/base", DUMPS: "/dumps", WAL: "/wal"}
"""Below which the parts stand in their snapshots."""

ServiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""A section of the worker's connection service file (`pg_service.conf`)."""
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")]
DatabaseName = Annotated[str, StringConstraints(min_length=1, max_length=63)]
AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]


class PostgresSource(Model):
    """A PostgreSQL cluster: base backups, its log, and dumps of its databases.

    How to connect stands in the worker's service file, and the password in its password file: the
    estate holds neither.
    """

    kind: Literal["postgresql"]
    name: Name
    """Stands in the snapshots as the host."""
    vault: Name
    service: ServiceName
    """Leads to the primary: with several hosts it says `target_session_attrs=primary`."""
    base_backup_service: ServiceName | None = None
    """Leads to a replica, which base backups are then taken from; None: from the primary."""
    programs_folder: AbsolutePath = "/usr/lib/postgresql/15/bin"
    """Of PostgreSQL's programs on the worker's machine: of the server's major version."""
    spool_folder: AbsolutePath
    """On the worker's machine: the log is received here, and goes once the vault holds it."""
    slot: SlotName = "springtide"
    """Replication slot by which the server keeps the log until the vault holds it."""
    databases: tuple[DatabaseName, ...] = ()
    """Those that are dumped; empty: all that allow connections."""
    restore_folder: AbsolutePath
    """On the worker's machine; restores and drills stand in new folders below it, nowhere else."""
    superuser: DatabaseName = "postgres"
    """The role that is asked on scratch servers: the one that the cluster was made with."""
    account: AccountName = "postgres"
    """Who runs a scratch server where the worker is root: PostgreSQL refuses to run as root."""
    max_age: Annotated[timedelta, Field(ge=timedelta(hours=1), le=timedelta(days=100))] = timedelta(
        days=8
    )
    """An older newest base backup is an alarm."""
    dump_max_age: Annotated[timedelta, Field(ge=timedelta(hours=1), le=timedelta(days=100))] = (
        timedelta(hours=26)
    )
    """An older newest dump is an alarm."""
    wal_max_age: Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(days=1))] = (
        timedelta(minutes=15)
    )
    """The recovery point that is allowed: what was written longer ago and is not archived is an
    alarm. After a third of it a segment is closed before it is full."""
    recover_within: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=3660))] = (
        timedelta(days=35)
    )
    """Any moment of so long ago can be restored; of older base backups just their own."""

    @property
    def part_paths(self) -> dict[int, str]:
        """By part: the path of its snapshots. The log's part grows by itself."""
        return {part: PART_PATHS[part] for part in (BASE, DUMPS)}

    @property
    def part_ages(self) -> dict[int, timedelta]:
        """By part: how old its newest snapshot may be."""
        return {BASE: self.max_age, DUMPS: self.dump_max_age}

    def with_twice_the_time(self) -> Self:
        """The source with snapshots that may be twice as old; its log comes with the dumps."""
        ages = {
            "max_age": 2 * self.max_age,
            "dump_max_age": 2 * self.dump_max_age,
            "wal_max_age": self.wal_max_age + 2 * self.dump_max_age,
        }
        return self.model_copy(update=ages)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.spool_folder == self.restore_folder:
            raise ValueError("spool_folder and restore_folder are two folders")
        return self
