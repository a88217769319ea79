"""How complete a cluster's archived log is: by what the vault holds, whatever the archiver says."""

from datetime import datetime

from springtide.model.postgres import PostgresSource
from springtide.model.wal_state import WalState
from springtide.planning.wal_archive import wal_state
from springtide.vault.base_backups import base_backups
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot
from springtide.vault.wal_archive import WalArchive


def log_state(
    repository: Repository,
    source: PostgresSource,
    snapshots: tuple[Snapshot, ...],
    now: datetime,
) -> WalState:
    """How the archive of a source stands at `now`; the repository's index is read."""
    archive = WalArchive(repository, source.name, snapshots)
    return wal_state(source, archive.contents(), base_backups(snapshots, source.name), now)
