"""One archiver at work: what pg_receivewal has received goes to the vault, and only then is let go.

Rule: received → saved → confirmed by the store and named in a snapshot → the server's slot moves on
→ the spool's file goes. Killed between any two of these, the next run finds the segment in the
vault, in the spool or on the server, and sends nothing that has arrived. Where pg_receivewal goes
on is said by an empty file named like the part of a segment, which is how it finds its own.
"""

import logging
import time
from datetime import datetime, timedelta
from pathlib import Path

from springtide.clouds.postgres.receiver import LogGone, Receiver
from springtide.clouds.postgres.server import Look, primary
from springtide.errors import Damaged, GuardRefused, Retryable
from springtide.model.postgres import PostgresSource
from springtide.model.wal import (
    HEADER_BYTES,
    Segment,
    ServerPosition,
    lsn_text,
    parse_header,
    parse_history_name,
    parse_segment,
)
from springtide.planning.wal_archive import complete_at, next_segment
from springtide.stores.vaults import writer_identity
from springtide.vault.sessions import Session
from springtide.vault.wal_archive import WalArchive

_POLL_S = 1.0
_BATCH_S = 30.0
_BATCH_SEGMENTS = 8
_AFTER_GAP_S = 60.0
_MOST_POSITIONS = 512


Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Archiver:
    """Archives one source's log for as long as `run` lasts."""

    def __init__(
        self,
        source: PostgresSource,
        archive: WalArchive,
        session: Session,
        *,
        lag: timedelta,
        log: Log,
    ) -> None:
        """Nothing is received yet; `lag` is that of the store's listings."""
        self._source, self._archive, self._session, self._lag = source, archive, session, lag
        self._log = log
        self._spool = Path(source.spool_folder)
        self._server = primary(source)
        self._receiver = Receiver(self._server.programs, source.service, self._spool)
        self._contents = archive.contents()
        self._head = self._contents.head
        self._added: set[Segment] = set()
        self._uncommitted: set[str] = set()
        """The names of what was added since the last commit: no snapshot names them yet."""
        self._newest = {each.timeline: each.number for each in sorted(self._contents.segments)}
        """By timeline."""
        self._positions: list[ServerPosition] = []
        self._timeline = 0
        self._committed = self._closed = time.monotonic()
        self._patience_s = source.wal_max_age.total_seconds() / 3
        self.segments = self.bytes = 0

    @property
    def newest(self) -> str:
        """The newest archived segment; empty: there is none."""
        return self._contents.name(self._head) if self._head else ""

    @property
    def complete_at(self) -> datetime | None:
        """All that was written before is archived."""
        return self._archive.facts.complete_at

    def run(self, lasts: timedelta) -> str | None:
        """Archive for so long; why it did not go as it should, or None.

        Raises:
            GuardRefused: the service leads to another cluster, or to a standby.
            Misconfigured: it leads nowhere.
            Retryable, Damaged: the vault takes nothing.
        """
        until = time.monotonic() + lasts.total_seconds()
        trouble: str | None = None
        gap: str | None = None
        try:
            while True:
                try:
                    self._look()
                    self._receiver.keep_up()
                    trouble = None
                except LogGone:
                    gap = (
                        f"the server has not kept the log that follows {self.newest or 'its start'}"
                    )
                    self._begin_anew()
                    until = min(until, time.monotonic() + _AFTER_GAP_S)
                except Retryable as error:
                    # A restart or a change of the primary: the next look shows who it is.
                    trouble, self._timeline = str(error), 0
                last = time.monotonic() >= until
                self._archive_received(at_once=last)
                if last:
                    return gap or trouble
                time.sleep(_POLL_S)
        finally:
            self._receiver.end()

    def _look(self) -> None:
        look = self._server.look()
        self._refuse_unfit(look)
        if self._timeline != look.position.timeline:
            self._receiver.end()
            self._meet(look)
            self._timeline = look.position.timeline
        self._positions.append(look.position)
        if len(self._positions) > _MOST_POSITIONS:
            del self._positions[1:-1:2]
        waits = time.monotonic() - max(self._closed, self._committed) > self._patience_s
        if waits and not self._is_complete(look.position):
            self._server.close_segment()
            self._closed = time.monotonic()

    def _refuse_unfit(self, look: Look) -> None:
        """Return where it is the primary of the archived cluster, and no earlier state of it."""
        facts, position = self._archive.facts, look.position
        if look.standby:
            raise GuardRefused(
                f"service {self._source.service} leads to a standby; archived is the primary's log:"
                " target_session_attrs=primary"
            )
        if facts.system and facts.system != look.system:
            raise GuardRefused(
                f"service {self._source.service} leads to cluster {look.system}, and the archive is"
                f" of cluster {facts.system}: give the new one a name of its own in the estate"
            )
        # What was added before this look was written to the server's disk before it was received.
        newest = Segment(position.timeline, self._newest.get(position.timeline, -1))
        if position.lsn < (newest.number + 1) * look.segment_bytes:
            raise GuardRefused(
                f"the server is at {lsn_text(position.lsn)}, and the archive goes on to the end of"
                f" {newest.name(look.segment_bytes)}: the server was set back; give it another name"
                " in the estate"
            )

    def _meet(self, look: Look) -> None:
        """Know the server, have it keep its log, and put the spool to where it leads on."""
        self._archive.note(system=look.system, segment_bytes=look.segment_bytes)
        self._contents = self._contents.model_copy(update={"segment_bytes": look.segment_bytes})
        kept_from = self._server.keep_log(self._source.slot)
        timeline = look.position.timeline
        self._archive_received(at_once=True)
        known = {"segments": self._contents.segments | self._added}
        self._contents = self._contents.model_copy(update=known)
        switches = self._server.history(timeline)
        begins = max(kept_from, *(switch.until for switch in switches), 0)
        self._go_on_with(next_segment(self._contents, timeline, switches, begins))

    def _go_on_with(self, segment: Segment) -> None:
        """Have pg_receivewal go on with that segment, as if it had come as far as that before."""
        wanted = self._spool / f"{segment.name(self._contents.segment_bytes)}.partial"
        for partial in self._spool.glob("*.partial"):
            if partial != wanted:
                partial.unlink()
        self._remove_archived()
        wanted.touch()

    def _begin_anew(self) -> None:
        """Begin with what the server still keeps."""
        self._receiver.end()
        self._archive_received(at_once=True)
        self._positions.clear()
        kept_from = self._server.keep_log(self._source.slot)
        self._go_on_with(Segment(self._timeline, kept_from // self._contents.segment_bytes))
        self._server.close_segment()

    def _archive_received(self, *, at_once: bool) -> None:
        waiting = [path for path in self._received() if not self._archive.holds(path.name)]
        since = time.monotonic() - self._committed
        batch_s = min(_BATCH_S, self._patience_s / 4)
        batch = {path.name for path in waiting} | self._uncommitted
        if batch and (at_once or since > batch_s or len(batch) >= _BATCH_SEGMENTS):
            for path in waiting:
                self._add(path)
            self._commit()
        elif (at_once or since > self._patience_s) and self._is_newer(self._complete()):
            self._commit()

    def _add(self, path: Path) -> None:
        segment = self._segment(path)
        if segment is not None:
            self._refuse_foreign(path, segment)
        self._archive.add(path)
        self._uncommitted.add(path.name)
        if segment is not None:
            self.segments += 1
            self.bytes += path.stat().st_size
            self._added.add(segment)
            number = self._newest.get(segment.timeline, segment.number)
            self._newest[segment.timeline] = max(number, segment.number)
            self._head = max(segment, self._head or segment)

    def _commit(self) -> None:
        complete = self._complete()
        if self._is_newer(complete):
            self._archive.note(complete_at=complete)
        username = writer_identity().username
        self._archive.commit(self._session, username=username, lag=self._lag)
        self._committed = time.monotonic()
        self._uncommitted.clear()
        self._log.info(
            "log archived newest=%s segments=%d complete_at=%s",
            self.newest,
            self.segments,
            self._archive.facts.complete_at,
        )
        self._positions = [each for each in self._positions if not complete or each.at > complete]
        self._let_go()

    def _let_go(self) -> None:
        """Let go of what the vault has confirmed: by the server, and in the spool."""
        if self._head and self._head.timeline == self._timeline:
            end = (self._head.number + 1) * self._contents.segment_bytes
            try:
                self._server.release_log(self._source.slot, end)
            except Retryable:
                return  # it keeps more than it must, until the next time
            self._remove_archived()

    def _remove_archived(self) -> None:
        for path in self._received():
            archived = path.name not in self._uncommitted and self._archive.holds(path.name)
            if archived and self._segment(path) is not None:
                path.unlink()

    def _received(self) -> list[Path]:
        """Whole files of the log in the spool, history files first."""
        found = [
            path
            for path in self._spool.iterdir()
            if self._segment(path) is not None or parse_history_name(path.name) is not None
        ]
        return sorted(found, key=lambda path: (parse_history_name(path.name) is None, path.name))

    def _segment(self, path: Path) -> Segment | None:
        return parse_segment(path.name, self._contents.segment_bytes)

    def _refuse_foreign(self, path: Path, segment: Segment) -> None:
        """Return where the file is what its name says, of the cluster that is archived."""
        try:
            with path.open("rb") as file:
                header = parse_header(file.read(HEADER_BYTES))
        except ValueError as error:
            raise Damaged(f"{path.name} in the spool: {error}", objects=(path.name,)) from error
        size = self._contents.segment_bytes
        if (header.system, header.start) != (self._archive.facts.system, segment.number * size):
            raise GuardRefused(
                f"{path.name} in the spool is of another cluster, or no such segment"
            )
        if path.stat().st_size != size:
            raise Damaged(f"{path.name} in the spool is not whole", objects=(path.name,))

    def _complete(self) -> datetime | None:
        return complete_at(self._positions, self._head, self._contents.segment_bytes)

    def _is_complete(self, position: ServerPosition) -> bool:
        return complete_at([position], self._head, self._contents.segment_bytes) is not None

    def _is_newer(self, complete: datetime | None) -> bool:
        known = self._archive.facts.complete_at
        return complete is not None and (known is None or complete > known)
