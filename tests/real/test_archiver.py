"""The archiver on a real PostgreSQL: kills, a lost slot, a promotion, a machine set back."""

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from springtide.errors import Damaged, GuardRefused
from springtide.model.wal import HEADER_BYTES, Segment, parse_lsn
from springtide.planning.database_restore import RestorePoint, plan_database_restore
from springtide.planning.wal_archive import wal_state_alarm
from springtide.vault.blobs import BlobKind
from tests.real.archives import Archives
from tests.real.clusters import Ground, a_ground, numbers_in
from tests.real.postgres import PostgresCluster
from tests.vault.vaults import Restic, named_by_headers, opened, restic_check

pytestmark = pytest.mark.real

ADD_LINES = """
INSERT INTO book
SELECT (SELECT coalesce(max(number), 0) FROM book) + added, repeat(md5(random()::text), 40)
FROM generate_series(1, 5) AS added
"""
DEATHS = [
    # prefix of the object's name, which write below it, and when
    pytest.param("sessions/", 1, "after", id="its session is stored"),
    pytest.param("data/", 1, "before", id="before the first pack"),
    pytest.param("data/", 1, "after", id="after the first pack"),
    pytest.param("index/", 1, "before", id="all packs are there, and no index"),
    pytest.param("snapshots/", 1, "after", id="all is there, and nobody was told"),
]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A running primary."""
    with a_ground() as found:
        yield found


@pytest.fixture(scope="module")
def archives(ground: Ground) -> Archives:
    """Its vault, with a base backup."""
    found = Archives(ground)
    found.archive()
    found.back_up()
    found.archive_all()
    return found


def write(cluster: PostgresCluster, *, segments: int = 1) -> None:
    """Some lines in so many segments."""
    for _ in range(segments):
        cluster.query("postgres", ADD_LINES)
        cluster.query("postgres", "SELECT pg_switch_wal()")


def _last(cluster: PostgresCluster) -> int:
    return int(cluster.query("postgres", "SELECT coalesce(max(number), 0) FROM book"))


def lines(cluster: PostgresCluster) -> list[int]:
    """What the book holds."""
    return list(range(1, _last(cluster) + 1))


def slot(cluster: PostgresCluster) -> int:
    """From which position on the server keeps its log."""
    said = cluster.query("postgres", "SELECT restart_lsn FROM pg_replication_slots")
    return parse_lsn(said.strip())


def receivers(folder: Path) -> list[str]:
    """The pg_receivewal that run on that folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"pg_receivewal" in command and str(folder).encode() in command:
            found.append(process.name)
    return found


@pytest.mark.parametrize(("prefix", "number", "when"), DEATHS)
def test_killed_the_server_keeps_what_the_vault_has_not(
    archives: Archives, ground: Ground, prefix: str, number: int, when: str
) -> None:
    """Wherever it dies, the slot stands no further than what is archived."""
    write(ground.primary)
    assert -9 == archives.archive_killed(prefix, number, when)
    contents = archives.contents()
    head = contents.head
    assert head is not None
    assert slot(ground.primary) <= (head.number + 1) * contents.segment_bytes


def test_after_all_the_kills_nothing_is_lost_and_nothing_was_sent_twice(
    archives: Archives, ground: Ground
) -> None:
    """Every line is restored, every chunk is stored once, and no receiver is left behind."""
    write(ground.primary)
    archives.archive_all()
    assert () == archives.state().gaps
    contents = archives.contents()
    numbers = [segment.number for segment in contents.segments]
    assert list(range(min(numbers), max(numbers) + 1)) == sorted(numbers)
    assert (max(numbers) + 1) * contents.segment_bytes == slot(ground.primary)
    assert [] == receivers(archives.folder / "spool")
    with opened(archives.folder) as repository:
        named = named_by_headers(repository)
    copies = Counter(blob for kind, blob in named if kind is BlobKind.DATA)
    assert [] == [blob for blob, count in copies.items() if count > 1]
    assert lines(ground.primary) == archives.restored("after-kills")
    Restic(archives.folder).says("unlock", "--remove-all")
    restic_check(archives.folder)


def test_a_log_that_breaks_off_is_not_taken_for_whole(archives: Archives, ground: Ground) -> None:
    """In one segment no record can be read: the server ends there, content."""
    write(ground.primary, segments=3)
    archives.archive_all()
    with archives.place("breaks-off") as place:
        plan = plan_database_restore(place.contents, place.bases, RestorePoint())
        broken = plan.newest._replace(number=plan.newest.number - 1)
        place.archive.fetch = zeroed(place.archive.fetch, broken.name())
        said = f"up to {plan.newest.name()}, and recovery ended in {broken.name()}: restore to a"
        with pytest.raises(Damaged, match=said), place.recovered(plan, durable=False):
            pass


def zeroed(fetch: Callable[[str, Path], None], name: str) -> Callable[[str, Path], None]:
    """The same, but for one file, in which all is zeros behind the first page's header."""

    def fetched(wanted: str, target: Path) -> None:
        fetch(wanted, target)
        if wanted == name:
            size = target.stat().st_size
            os.truncate(target, HEADER_BYTES)
            os.truncate(target, size)

    return fetched


def test_a_lost_spool_is_made_anew(archives: Archives, ground: Ground) -> None:
    """The worker's disk is gone: the server has what the vault has not."""
    write(ground.primary)
    shutil.rmtree(archives.folder / "spool")
    archives.archive_all()
    assert () == archives.state().gaps


def test_restored_by_hand(archives: Archives, ground: Ground) -> None:
    """As the page on restores without Springtide says: restic, a few lines, and PostgreSQL."""
    target = archives.folder / "by-hand"
    restic = Restic(archives.folder)
    for path in ("/base", "/wal"):
        restic.says("restore", "latest", "--host", "core", "--path", path, "--target", str(target))
    data = target / "base"
    (data / "recovery.signal").touch()
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f"""restore_command = 'cp "$(find {target}/wal -name %f)" "%p"'\n"""
            "recovery_target_action = 'promote'\narchive_mode = off\n"
        )
    for path in (target, *target.rglob("*")):
        shutil.chown(path, "postgres", "postgres")
    assert lines(ground.primary) == numbers_in(data)


def test_a_log_that_the_server_dropped_is_named(archives: Archives, ground: Ground) -> None:
    """Slot dropped, log recycled: a gap is named, until a base backup is taken."""
    head, before = archives.contents().head, archives.state().gaps
    assert head is not None
    ground.primary.query("postgres", "SELECT pg_drop_replication_slot('springtide')")
    write(ground.primary, segments=3)
    for _ in range(2):
        ground.primary.query("postgres", "CHECKPOINT")
        ground.primary.query("postgres", "SELECT pg_switch_wal()")
    ground.primary.query("postgres", "CHECKPOINT")
    _, failure = archives.archive(8)
    assert f"the server has not kept the log that follows {head.name()}" == failure
    *others, gap = known = archives.state().gaps
    assert len(before) == len(others)
    assert Segment(1, head.number + 1).name() == gap.first
    assert gap.first in str(wal_state_alarm(archives.state()))
    archives.back_up()
    archives.archive_all()
    assert {each.first for each in archives.state().gaps} <= {each.first for each in known}
    assert None is wal_state_alarm(archives.state())
    assert lines(ground.primary) == archives.restored("after-gap")


def test_a_server_that_was_set_back_is_refused(archives: Archives, ground: Ground) -> None:
    """Its machine goes back to a snapshot: what it writes then would be another past."""
    data = ground.folder / "primary" / "data"
    snapshot, later = data.with_name("snapshot"), data.with_name("later")
    ground.primary.end()
    subprocess.run(["/bin/cp", "-a", data, snapshot], check=True)
    ground.primary.start()
    write(ground.primary, segments=2)
    archives.archive_all()
    before = archives.contents()
    ground.primary.end()
    data.rename(later)
    snapshot.rename(data)
    ground.primary.start()
    kept_from = slot(ground.primary)
    with pytest.raises(GuardRefused, match="the server was set back"):
        archives.archive()
    assert (before, kept_from) == (archives.contents(), slot(ground.primary))
    ground.primary.end()
    shutil.rmtree(data)
    later.rename(data)
    ground.primary.start()
    write(ground.primary)
    archives.archive_all()
    assert before.segments <= archives.contents().segments


def test_a_promotion_is_followed(archives: Archives, ground: Ground) -> None:
    """The old primary wrote on; what it acknowledged afterwards is on its own timeline alone."""
    ground.standby.become_standby_of(ground.primary)
    ground.standby.start()
    ground.lead_to(ground.standby, service="replica")
    archives.back_up(base_backup_service="replica")
    write(ground.primary)
    _wait_for(ground.standby, _last(ground.primary))
    ground.standby.query("postgres", "SELECT pg_promote()")
    # Cut off, and not yet told: it goes on, and so does the archiver.
    write(ground.primary, segments=3)
    archives.archive_all()
    old = lines(ground.primary)
    ground.lead_to(ground.standby)
    before = lines(ground.standby)
    write(ground.standby, segments=2)
    archives.archive_all()
    assert all(gap.bridged for gap in archives.state().gaps)
    assert {1, 2} == {segment.timeline for segment in archives.contents().segments}
    assert len(before) < len(old)
    assert lines(ground.standby) == archives.restored("new")
    assert old == archives.restored("old", RestorePoint(timeline=1))
    restic_check(archives.folder)


def _wait_for(cluster: PostgresCluster, last: int) -> None:
    deadline = time.monotonic() + 60
    while _last(cluster) < last:
        assert time.monotonic() < deadline, "the standby does not follow"
        time.sleep(0.1)


def test_another_cluster_is_refused(archives: Archives, ground: Ground) -> None:
    """An archive holds one cluster's log; nothing of another comes into it."""
    ground.stranger.start()
    ground.lead_to(ground.stranger)
    before = archives.contents()
    with pytest.raises(GuardRefused, match="leads to cluster"):
        archives.archive()
    assert before == archives.contents()
