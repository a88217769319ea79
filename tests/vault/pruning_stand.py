"""A world in which prune is at work, and what it has done there."""

from pathlib import Path

from springtide.model.object_storage import Store
from springtide.model.retention import PrunePolicy
from springtide.vault.pruning import PruneReport, prune
from springtide.vault.repository import Repository
from springtide.vault.tombstones import Stage
from tests.vault.pruned_world import (
    BEGINNING,
    GRACE_S,
    IDENTITY,
    POLICY,
    SESSION_S,
    World,
    missing_blobs,
    opened,
)

MOST_PASSES = 16


class Stand:
    """A world, its pruner's machine, and what has been done in it."""

    def __init__(self, folder: Path) -> None:
        """Nothing is stored yet."""
        self.world, self.folder = World(), folder
        self.reports: list[PruneReport] = []

    def opened(self, machine: str = "pruner", store: Store | None = None) -> Repository:
        """The repository as that machine opens it."""
        return opened(store or self.world, self.folder / machine)

    def prune(self, policy: PrunePolicy = POLICY, store: Store | None = None) -> PruneReport:
        """One run."""
        with self.opened(store=store) as repository:
            report = prune(repository, identity=IDENTITY, policy=policy, dry_run=False)
        self.reports.append(report)
        return report

    def wait(self, seconds: int) -> None:
        """The clock goes on."""
        self.world.clock_s += seconds

    def prune_up_to(self, stage: Stage) -> None:
        """Run after run, each when it is due, up to the one that puts that down."""
        for _ in range(MOST_PASSES):
            report = self.prune()
            if any(stage == told["stage"] for told in self.ledger()):
                return
            assert report.again_at
            due_s = int((report.again_at - BEGINNING).total_seconds())
            self.world.clock_s = max(self.world.clock_s, due_s)

    def prune_to_the_end(self) -> None:
        """Run after run until nothing is under way; whatever was killed has expired by then."""
        for _ in range(MOST_PASSES):
            self.wait(1800 + SESSION_S + GRACE_S + 1)
            report = self.prune()
            assert [] == self.missing()
            quiet = not any(self.world.names(kind) for kind in ("tombstones", "sessions"))
            if quiet and not report.plan.freed:
                return
        raise AssertionError(f"something is left: {report.plan}")

    def missing(self) -> list[str]:
        """What cannot be loaded of the committed snapshots."""
        return missing_blobs(self.world, self.folder / "reader")

    def ledger(self) -> list[dict[str, object]]:
        """All that prune has put down."""
        with self.opened("reader") as repository:
            return [document for _, document in repository.documents("tombstones")]

    def packs(self) -> set[bytes]:
        """The packs that are there."""
        return {bytes.fromhex(name.rpartition("/")[2]) for name in self.world.names("data")}


def sizes(stand: Stand) -> dict[str, int]:
    """How many packs the last plan has of each kind."""
    plan = stand.reports[-1].plan
    kinds = ("sighted_now", "sighted_before", "unneeded", "wasteful", "tombstoned", "rescued")
    return {kind: len(found) for kind in kinds if (found := getattr(plan, kind))}
