"""Parts of a PostgreSQL cluster's backup: base backups and dumps, streamed into the vault."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC

from prefect import task
from prefect.futures import PrefectFuture
from prefect.tasks import exponential_backoff

from springtide.clouds.postgres.base_backup import BaseFile, base_backup
from springtide.clouds.postgres.dumps import dumps
from springtide.clouds.postgres.server import base_server, primary
from springtide.errors import Retryable
from springtide.model.backup import PartOutcome
from springtide.model.cutting import Cutting
from springtide.model.postgres import BASE, DUMPS, PART_PATHS, PostgresSource
from springtide.model.sources import Source
from springtide.model.wal import BaseBackup
from springtide.planning.wal_archive import base_segments
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.adoption import adopt_packs
from springtide.vault.base_backups import base_backup_tags, base_backups
from springtide.vault.nodes import Node, NodeKind
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.sharding import newest_snapshot
from springtide.vault.snapshots import Snapshot, Summary, read_snapshots, save_snapshot, unread
from springtide.vault.stream_backup import StreamedFile, back_up_stream
from springtide.vault.tree_backup import Counts
from springtide.vault.wal_archive import WalArchive
from tasks.retrying import may_pass
from tasks.vaults import (
    Meter,
    VaultOrder,
    back_up_part,
    failures_of,
    in_one_line,
    read_back_sample,
)

_WAL_POLL_S = 10.0
Saved = tuple[bytes, Counts, tuple[str, ...]]
"""A tree, what was done, and the tags of its snapshot."""


@task(
    task_run_name="back up {source.name}, part {part}",
    retries=3,
    retry_delay_seconds=exponential_backoff(20),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def back_up_database_part(order: VaultOrder, source: PostgresSource, part: int) -> PartOutcome:
    """A base backup (part 1) or dumps (part 2), confirmed by the store.

    Another try, or another run after a kill, takes over what has arrived.
    """
    began = time.monotonic()
    save = {BASE: save_base_backup, DUMPS: _save_dumps}[part]
    path = PART_PATHS[part]
    vault = order.estate.vault(order.vault)
    with (
        opened_vault(order.estate, vault) as repository,
        write_session(repository, identity=writer_identity(), policy=vault.prune) as session,
    ):
        adopted = adopt_packs(repository, except_for=session.tombstoned)
        known, damaged = read_snapshots(repository)
        earlier = newest_snapshot(known, source.name, path)
        meter = Meter(f"backup-{source.name}-{part}", earlier)
        saved = save(repository, source, meter.show)
        repository.flush()
        session.refuse_if_expired()
        snapshot = save_snapshot(repository, _snapshot(repository, source, path, (saved, earlier)))
        _, counts, _ = saved
        sample, findings = read_back_sample(repository)
        meter.end(counts)
    return PartOutcome(
        part=part,
        snapshot=snapshot.id,
        **asdict(counts),
        stored_bytes=sum(pack.size for pack in repository.stored),
        packs=len(repository.stored),
        adopted_packs=adopted.packs,
        read_back_packs=sample,
        took_s=time.monotonic() - began,
        failure=in_one_line(
            failures_of(findings) or _unconfirmed(order, source, part, snapshot.id),
            unread(damaged),
        ),
    )


def _snapshot(
    repository: Repository,
    source: PostgresSource,
    path: str,
    made: tuple[Saved, Snapshot | None],
) -> Snapshot:
    (tree, counts, tags), earlier = made
    return Snapshot(
        time=repository.store.now().astimezone(UTC),
        tree=tree.hex(),
        paths=(path,),
        hostname=source.name,
        username=writer_identity().username,
        parent=earlier.id if earlier else None,
        tags=tags,
        summary=Summary(
            data_added=counts.new_bytes,
            total_files_processed=counts.files,
            total_bytes_processed=counts.bytes,
        ),
    )


def submit_part(order: VaultOrder, source: Source, part: int) -> PrefectFuture[PartOutcome]:
    """A part's backup under way, whatever kind of source it is of."""
    if isinstance(source, PostgresSource):
        return back_up_database_part.submit(order, source, part)
    return back_up_part.submit(order, source, part)


def _unconfirmed(order: VaultOrder, source: PostgresSource, part: int, snapshot: str) -> str | None:
    """Why a base backup cannot be restored as yet; None: the archive holds all that it needs."""
    if part != BASE:
        return None
    wait_s = source.wal_max_age.total_seconds()
    deadline = time.monotonic() + wait_s
    while True:
        try:
            missing = _missing_log(order, source, snapshot)
        except Retryable as error:
            missing = str(error)
        if missing is None or time.monotonic() >= deadline:
            return missing
        time.sleep(min(_WAL_POLL_S, wait_s / 4))


def _missing_log(order: VaultOrder, source: PostgresSource, snapshot: str) -> str | None:
    vault = order.estate.vault(order.vault)
    with opened_vault(order.estate, vault) as repository:
        # Before the session reads the index: of one that comes between it would not know all.
        known, _ = read_snapshots(repository)
        with write_session(repository, identity=writer_identity(), policy=vault.prune):
            contents = WalArchive(repository, source.name, known).contents()
    stored = {base.snapshot: base for base in base_backups(known, source.name)}
    if (base := stored.get(snapshot)) is None:
        return "its snapshot is not listed yet"
    return missing_for(base, contents.segments, contents.segment_bytes, contents.system)


def missing_for(
    base: BaseBackup, segments: Iterable[object], segment_bytes: int, system: int
) -> str | None:
    """Which segment of the log a base backup lacks; None: none."""
    if system != base.system:
        return "the log of this cluster is not archived: is archive_wal running?"
    held = set(segments)
    lacking = [each for each in base_segments(base, segment_bytes) if each not in held]
    if not lacking:
        return None
    name = lacking[0].name(segment_bytes)
    return f"{name} of the log is not archived, and without it the base backup is not consistent"


def save_base_backup(
    repository: Repository, source: PostgresSource, progress: Callable[[Counts], None]
) -> Saved:
    """A base backup's tree; certain after the next `flush`, and whole with its log alone.

    Raises:
        GuardRefused: it has tablespaces of its own.
        Retryable, Misconfigured: the server does not give all of it.
    """
    server = base_server(source)
    look = server.look()
    server.refuse_tablespaces()
    label = f"springtide {source.name}"
    with base_backup(server.programs, server.service, label=label) as stream:
        files = (_streamed(BASE, each) for each in stream.files())
        tree, counts = back_up_stream(repository, files, Cutting.BLOCKS, progress=progress)
        ranges = stream.ranges
    if not look.standby:
        # Else the segment in which it ended is archived when it is full.
        primary(source).close_segment()
    return tree, counts, base_backup_tags(look.system, ranges)


def _save_dumps(
    repository: Repository, source: PostgresSource, progress: Callable[[Counts], None]
) -> Saved:
    server = base_server(source)
    files = (_streamed(DUMPS, each) for each in dumps(server, source.databases))
    tree, counts = back_up_stream(repository, files, Cutting.CONTENT, progress=progress)
    return tree, counts, ()


_KINDS = {"file": NodeKind.FILE, "dir": NodeKind.DIRECTORY, "symlink": NodeKind.SYMLINK}


def _streamed(part: int, file: BaseFile) -> StreamedFile:
    uid, gid, user, group = file.owner
    at = file.mtime_s * 1_000_000_000
    node = Node(b"", _KINDS[file.kind], file.mode & 0o7777, at, at, uid, gid, user, group)
    node = node._replace(target=file.target.encode(), links=0 if file.kind == "dir" else 1)
    below = f"{PART_PATHS[part].strip('/')}/{file.path}".rstrip("/")
    return StreamedFile(below.encode("utf-8", "surrogateescape"), node, file.content)
