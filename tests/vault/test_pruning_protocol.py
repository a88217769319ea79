"""Prune against writers, in any order of their calls: what was committed can always be loaded.

Each writer and pruner is a thread that waits before each of its calls to the store, so that the
machine decides who goes on, how late the listings are, what the clock says and who is killed.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from springtide.errors import GuardRefused, Retryable, SpringtideError
from springtide.model.object_storage import Store
from springtide.model.retention import PrunePolicy
from springtide.vault.blobs import BlobKind
from springtide.vault.pruning import PruneReport, prune
from springtide.vault.repository import Repository
from springtide.vault.snapshots import save_snapshot
from tests.vault.pruned_world import (
    BEGINNING,
    GRACE_S,
    IDENTITY,
    LAG_S,
    POLICY,
    SESSION_S,
    GuardedStore,
    Killed,
    Lag,
    World,
    back_up,
    content,
    missing_blobs,
    opened,
    put_pack,
    store_tree,
    tree_of,
)

LONGEST_PAUSE_S = GRACE_S // 2
"""A call that waited longer has failed; so two of them take no longer than the grace."""
WAIT_S = 60
TIMES_S = (1, LAG_S, LAG_S + 1, LAG_S + 1, GRACE_S // 2, GRACE_S + 1, SESSION_S)
STEPS_A_RUN = 20
"""It takes some five to ten to lose something."""
RUNS = 300 if os.environ.get("CI") else 30
_MEMORY = next(Path("/dev").glob("shm"), None)
"""Each run makes some dozen indexes, and no machine of it loses its power: they need no disk."""
MOST_CALLS = 10_000
MOST_PASSES = 16
SLOTS = st.integers(0, 1)
STOPS = (
    "",
    "put",
    "listing tombstones/",
    "listing sessions/",
    "put tombstones/",
    "put snapshots/",
    "put snapshots/",
    "delete index/",
    "the end",
    "the end",
)
MACHINES = st.integers(0, 1)
LAGS = st.sampled_from((Lag.NONE, Lag.NONE, *Lag))
NAMES = st.sampled_from(("", "a", "ab", "bc"))
DISTURBANCES = st.sampled_from(("kill", "unlock", "forget"))
IMPATIENT = PrunePolicy.model_construct(
    listing_lag=timedelta(0),
    grace=timedelta(0),
    session_age=POLICY.session_age,
    resume_within=timedelta(0),
    waste_share=POLICY.waste_share,
)


Step = tuple[str, dict[str, object]]


class Lost(AssertionError):
    """A committed snapshot cannot be loaded wholly."""


class Actor:
    """Work that goes on by one call to the store at a time."""

    def __init__(self, world: World, work: Callable[[Store], object]) -> None:
        """Begun, and waiting before its first call."""
        self._world, self._work = world, work
        self._waiting, self._allowed = threading.Semaphore(0), threading.Semaphore(0)
        self._killed = self.done = False
        self.pending = ""
        self._bug: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def go_on(self, before: str = "the end") -> None:
        """Let it make at least one call, and all up to the next such as `put snapshots/…`."""
        for _ in range(MOST_CALLS):
            if self.done:
                return
            self._allowed.release()
            self._wait()
            if self.pending.startswith(before):
                return

    def kill(self) -> None:
        """None of its calls has an effect from now on."""
        self._killed = True
        self.go_on()
        self._thread.join(WAIT_S)

    def _run(self) -> None:
        try:
            self._work(GuardedStore(self._world, self._leave))
        except (SpringtideError, Killed):
            pass  # its own business; what is lost by it the invariant sees
        except BaseException as error:  # noqa: BLE001 - raised where somebody sees it
            self._bug = error
        self.done = True
        self._waiting.release()

    def _leave(self, call: str, name: str) -> None:
        if self._killed:
            raise Killed
        if threading.current_thread() is not self._thread:
            return  # its readers and uploads: while they work it waits for them
        self.pending, since = f"{call} {name}", self._world.clock_s
        self._waiting.release()
        assert self._allowed.acquire(timeout=WAIT_S)
        if self._killed:
            raise Killed
        if self._world.clock_s - since > LONGEST_PAUSE_S:
            raise Retryable("timed out")

    def _wait(self) -> None:
        assert self._waiting.acquire(timeout=WAIT_S)
        if self._bug:
            raise self._bug


def happens(what: str, /, **arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    """That method of the machine with such arguments."""
    return st.tuples(st.just(what), st.fixed_dictionaries(arguments))


STEPS = st.one_of(
    happens("begin", slot=SLOTS, machine=MACHINES, names=NAMES),
    happens("go_on", slot=SLOTS, before=st.sampled_from(STOPS), lag=LAGS),
    happens("disturb", slot=SLOTS, what=DISTURBANCES),
    happens("let_time_pass", seconds=st.sampled_from(TIMES_S)),
    happens("prune_when_due", machine=MACHINES, lag=LAGS),
    happens("prune_when_due", machine=MACHINES, lag=LAGS),
)


class PruneMachine(RuleBasedStateMachine):
    """Writers and pruners of two machines over one store."""

    pruner_policy = POLICY
    settles = True
    write: Callable[[Repository, str], object] = staticmethod(back_up)

    def __init__(self) -> None:
        """A repository with packs that no snapshot needs, tombstoned this very moment."""
        super().__init__()
        self.world = World()
        self.actors: dict[int, Actor] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="springtide-prune-", dir=_MEMORY))
        with self._opened(self.world, 0) as repository:
            for contents in ("ab", "cd", "bd"):
                put_pack(repository, BlobKind.DATA, *map(content, contents))
            put_pack(repository, BlobKind.TREE, tree_of("a"), tree_of("ab"))
            for _ in range(2):
                self.world.clock_s += LAG_S + 1
                prune(repository, identity=IDENTITY, policy=POLICY, dry_run=False)
        self._seen: list[list[str]] = []

    @rule(step=STEPS)
    def step(self, step: Step) -> None:
        """One thing happens. One rule for all: of several, hypothesis leaves some out for a run."""
        what, arguments = step
        getattr(self, what)(**arguments)

    def begin(self, slot: int, machine: int, names: str) -> None:
        """A writer of those contents begins, or a pruner, where that slot is free."""
        if names:
            self._begin(slot, machine, lambda repository: type(self).write(repository, names))
        else:
            self._begin(slot, machine, self._pruned)

    def go_on(self, slot: int, before: str, lag: Lag) -> None:
        """Somebody makes some calls."""
        self.world.lag = lag
        if slot in self.actors:
            self.actors[slot].go_on(before)

    def disturb(self, slot: int, what: str) -> None:
        """Somebody dies, all locks are removed, or a snapshot expires."""
        if what == "unlock":
            self.unlock()
        elif what == "kill" and slot in self.actors:
            self.actors.pop(slot).kill()
        elif what == "forget" and slot < len(snapshots := self.world.names("snapshots")):
            self.world.delete(snapshots[slot])

    def let_time_pass(self, seconds: int) -> None:
        """The clock goes on."""
        self.world.clock_s += seconds

    def prune_when_due(self, machine: int, lag: Lag) -> None:
        """A pruner does its work at one go, at the time when there is some."""
        self.world.lag = lag
        with suppress(SpringtideError), self._opened(self.world, machine) as repository:
            again_at = self._pruned(repository).again_at
            if again_at:
                due_s = int((again_at - BEGINNING).total_seconds())
                self.world.clock_s = max(self.world.clock_s, due_s)

    @invariant()
    def all_snapshots_can_be_loaded(self) -> None:
        """By somebody who knows nothing yet and sees what is there."""
        seen = [self.world.names(kind) for kind in ("snapshots", "index", "data")]
        if seen == self._seen:
            return
        self._seen = seen
        if missing := missing_blobs(self.world, self.folder / "reader"):
            raise Lost(str(missing))

    def teardown(self) -> None:
        """Once all is quiet, nothing is left but what the snapshots need."""
        try:
            for actor in self.actors.values():
                actor.go_on()
                self.all_snapshots_can_be_loaded()
            if self.settles:
                self._settle()
        finally:
            shutil.rmtree(self.folder)

    def _settle(self) -> None:
        self.world.lag = Lag.NONE
        for _ in range(MOST_PASSES):
            self.unlock()
            self.world.clock_s += SESSION_S + GRACE_S + 1
            self.all_snapshots_can_be_loaded()
            try:
                with self._opened(self.world, 0) as repository:
                    plan = prune(repository, identity=IDENTITY, policy=POLICY, dry_run=False).plan
            except GuardRefused as refusal:
                raise Lost(str(refusal)) from refusal
            kinds = ("tombstones", "sessions", "locks")
            if not plan.freed and not any(self.world.names(kind) for kind in kinds):
                assert len(self.world.names("data")) == plan.packs
                return
        raise AssertionError(f"something is left: {plan}")

    def unlock(self) -> None:
        """As `restic unlock --remove-all` does, whoever is at work."""
        for name in self.world.names("locks"):
            self.world.delete(name)

    def _begin(self, slot: int, machine: int, work: Callable[[Repository], object]) -> None:
        if slot in self.actors and not self.actors[slot].done:
            return

        def at_work(store: Store) -> None:
            with self._opened(store, machine) as repository:
                work(repository)

        self.actors[slot] = Actor(self.world, at_work)

    def _pruned(self, repository: Repository) -> PruneReport:
        policy = type(self).pruner_policy
        return prune(repository, identity=IDENTITY, policy=policy, dry_run=False)

    def _opened(self, store: Store, machine: int) -> Repository:
        return opened(store, self.folder / str(machine))


def without_session(repository: Repository, names: str) -> None:
    """A writer that nobody knows of."""
    repository.load_index()
    save_snapshot(repository, store_tree(repository, names))


class HastyMachine(PruneMachine):
    """Prune that waits for no grace and no listing, beside writers without sessions."""

    settles = False
    pruner_policy = IMPATIENT
    write = staticmethod(without_session)


QUIETLY = settings(
    deadline=None,
    database=None,
    derandomize=True,
    stateful_step_count=STEPS_A_RUN,
    suppress_health_check=list(HealthCheck),
)


def test_no_interleaving_loses_what_a_snapshot_needs() -> None:
    """Nor does it leave anything behind that no snapshot needs, once all is quiet."""
    run_state_machine_as_test(PruneMachine, settings=settings(QUIETLY, max_examples=RUNS))


def test_the_machine_finds_what_a_faulty_protocol_loses() -> None:
    """Else its silence would say nothing."""
    searching = settings(QUIETLY, max_examples=1000, phases=[Phase.generate])
    with pytest.raises(Lost):
        run_state_machine_as_test(HastyMachine, settings=searching)
