"""A store's clock that goes backwards: nothing is lost by it, and restic agrees."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from springtide.errors import GuardRefused
from springtide.model.retention import PrunePolicy
from springtide.vault.blobs import BlobKind
from springtide.vault.pruning import prune
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import list_snapshots
from springtide.vault.verification import verify_repository
from tests.vault.folder_store import FolderStore
from tests.vault.places import EVERYTHING, IDENTITY, a_repository
from tests.vault.vaults import contents, restic_check, save_tree

POLICY = PrunePolicy(resume_within=timedelta(0))
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class WrongStore(FolderStore):
    """A folder whose clock is set by hand."""

    def __init__(self, folder: Path) -> None:
        """Right, as yet."""
        super().__init__(folder)
        self.off = timedelta(0)

    def now(self) -> datetime:
        """As `Store.now`."""
        return super().now() + self.off


@pytest.fixture
def store(tmp_path: Path) -> WrongStore:
    """Where the repository is."""
    return WrongStore(tmp_path / "repository")


@pytest.fixture
def repository(tmp_path: Path, store: WrongStore) -> Iterator[Repository]:
    """An empty one."""
    with a_repository(tmp_path, store) as made:
        yield made


@pytest.mark.parametrize("judged", [pytest.param(True, marks=pytest.mark.real), False])
@pytest.mark.parametrize("steps", [(0, -DAY), (DAY, -DAY, 0), (0, -HOUR, -DAY, DAY)], ids=len)
def test_backups_and_prune_under_a_clock_that_jumps(
    repository: Repository,
    store: WrongStore,
    tmp_path: Path,
    steps: tuple[timedelta, ...],
    *,
    judged: bool,
) -> None:
    """Whatever it shows between backup and prune: what a snapshot needs is there."""
    for number, step in enumerate(steps):
        store.off = step or timedelta(0)
        with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
            save_tree(repository, {f"file-{number}": contents(2, seed=number)[1]})
            session.refuse_if_expired()
        repository.save(BlobKind.DATA, contents(2, seed=100 + number)[1])  # of a killed run
        repository.flush()
        prune(repository, identity=IDENTITY, policy=POLICY, dry_run=False)
    for step in (3 * DAY, timedelta(0), 6 * DAY, 9 * DAY, -DAY, 12 * DAY):
        store.off = step
        prune(repository, identity=IDENTITY, policy=POLICY, dry_run=False)
    repository.load_index()
    assert len(steps) == len(list_snapshots(repository))
    assert set() == verify_repository(repository, EVERYTHING).findings
    if judged:
        restic_check(tmp_path)


def test_a_session_under_a_clock_that_runs_ahead_is_not_committed(
    repository: Repository, store: WrongStore
) -> None:
    """Rather a backup too few than one that counts on what may be gone."""
    with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
        store.off = -DAY
        session.refuse_if_expired()
        store.off = POLICY.session_age + HOUR
        with pytest.raises(GuardRefused, match="expired"):
            session.refuse_if_expired()
