"""Sweeps over random histories: things come, are built and age; sweeps meet and are killed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.claim import ClaimBook
from springtide.model.leftover import (
    LeftoverKind,
    MarkedThing,
    RegionInventory,
    SightedNote,
    SweepPlan,
    SweepVerdict,
)
from springtide.planning.leftover_sweep import (
    SweepInput,
    agreed,
    plan_leftover_sweep,
    sighting_note,
)
from tests.planning.fleet_world import START
from tests.planning.leftovers import a_group, a_member, a_port, a_server, an_estate

MINUTE = timedelta(minutes=1)


@dataclass
class Cloud:
    """What carries our mark, what is foreign, and the sweeps' own memory."""

    now: datetime = START
    things: dict[str, MarkedThing] = field(default_factory=dict)
    notes: dict[str, SightedNote] = field(default_factory=dict)
    removed: list[MarkedThing] = field(default_factory=list)
    made: int = 0

    def make(self, kind: LeftoverKind, **changes: object) -> None:
        """Something of a fleet that may or may not be in the estate."""
        self.made += 1
        build = {
            LeftoverKind.SERVER: a_server,
            LeftoverKind.PORT: a_port,
            LeftoverKind.MEMBER: a_member,
            LeftoverKind.GROUP: a_group,
        }[kind]
        base: dict[str, object] = {"id": f"t-{self.made}", "created_at": self.now}
        thing = build(sighted_at=None, **base | changes)
        self.things[thing.id] = thing

    def look(self) -> SweepPlan:
        """One look, and what follows from it."""
        standing = {t.id for t in self.things.values() if t.kind is LeftoverKind.SERVER}
        seen = tuple(
            t.model_copy(update={"owner_stands": t.owner_id in standing}) if t.owner_id else t
            for t in self.things.values()
        )
        book = ClaimBook(sighted=tuple(n for n in self.notes.values() if self.now < n.until))
        given_ = SweepInput(an_estate(most_removals=3), book, self.now)
        return plan_leftover_sweep((RegionInventory(region="GRA11", things=seen),), given_)

    def carry_out(self, plan: SweepPlan, *, first: int) -> None:
        """Do that many of its acts; then the run is killed."""
        acts = [f for f in plan.findings if f.verdict is not SweepVerdict.KEEP]
        for finding in acts[:first]:
            thing = self.things.get(finding.thing.id)
            if thing is None:
                continue
            if finding.verdict is SweepVerdict.REMOVE:
                self.removed.append(self.things.pop(thing.id))
            elif (note := sighting_note(thing, plan.at)) is not None:
                self.notes[thing.id] = note
            else:
                self.things[thing.id] = thing.model_copy(update={"sighted_at": plan.at})

    def sweep(self, *, at_once: int, first: int) -> None:
        """Sweeps that all look before any of them acts."""
        plans = [agreed(self.look(), self.look()) for _ in range(at_once)]
        for plan in plans:
            self.carry_out(plan, first=first)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("make"),
            st.sampled_from(tuple(LeftoverKind)),
            st.sampled_from(["api", "web"]),
            st.booleans(),
        ),
        st.tuples(st.just("pass"), st.integers(1, 300)),
        st.tuples(st.just("sweep"), st.integers(1, 2), st.integers(0, 6)),
        st.tuples(st.just("built")),
    ),
    max_size=25,
)


def replay(cloud: Cloud, step: tuple[object, ...]) -> None:
    """One thing that happens."""
    match step:
        case ("make", kind, fleet, bool(building)):
            change = "BUILD" if building and kind is LeftoverKind.SERVER else None
            cloud.make(LeftoverKind(str(kind)), fleet=fleet, in_change=change)
        case ("pass", int(minutes)):
            cloud.now += minutes * MINUTE
        case ("sweep", int(at_once), int(first)):
            cloud.sweep(at_once=at_once, first=first)
        case _:
            for thing in list(cloud.things.values()):
                cloud.things[thing.id] = thing.model_copy(update={"in_change": None})


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_happens_only_old_leftovers_go(steps: list[tuple[object, ...]]) -> None:
    """Never a server of the estate's fleet, one in the making, or anything younger than an hour."""
    cloud = Cloud()
    for step in steps:
        before = dict(cloud.things)
        cloud.removed.clear()
        replay(cloud, step)
        for thing in cloud.removed:
            known = before[thing.id]
            assert not (known.kind is LeftoverKind.SERVER and known.fleet == "api")
            assert known.in_change is None
            assert known.created_at is not None
            assert cloud.now - known.created_at >= 60 * MINUTE
        assert len(cloud.removed) <= 3 * 2


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_hourly_sweeps_leave_nothing_that_nobody_knows(steps: list[tuple[object, ...]]) -> None:
    """Whatever went before: three at a time all of it goes, and what is known stays."""
    cloud = Cloud()
    for step in (*steps, ("built",)):
        replay(cloud, step)
    for _ in range(3 + len(cloud.things)):
        cloud.now += 60 * MINUTE
        cloud.sweep(at_once=1, first=100)
    assert () == cloud.look().findings
    kept = {t.id for t in cloud.things.values()}
    assert {t for t in kept if cloud.things[t].kind is LeftoverKind.SERVER} == {
        t.id for t in cloud.things.values() if t.kind is LeftoverKind.SERVER and t.fleet == "api"
    }
