"""What a sweep makes of things that carry our mark: known, seen first, kept, removed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.claim import Ceiling, Claim, ClaimBook, ClaimKind, Freeze
from springtide.model.leftover import (
    LeftoverKind,
    MarkedThing,
    RegionInventory,
    SightedNote,
    SweepResult,
    SweepVerdict,
)
from springtide.planning.leftover_sweep import (
    SIGHTING_HOLDS,
    SweepInput,
    agreed,
    plan_leftover_sweep,
    residue_of,
    residue_rows,
    residue_told,
    sighting_note,
    sweep_rows,
    sweep_summary,
    sweep_troubles,
)
from tests.planning.fleet_world import START
from tests.planning.leftovers import (
    HOUR,
    LONG_AGO,
    a_group,
    a_member,
    a_port,
    a_server,
    a_thing,
    an_estate,
    swept,
    verdicts,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
REMOVE, MARK, KEEP = SweepVerdict.REMOVE, SweepVerdict.MARK, SweepVerdict.KEEP
INTERVAL: dict[str, object] = {
    "starts_at": START - HOUR,
    "ends_at": START + HOUR,
    "owner": "operations",
    "reason": "a test says so",
}


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(a_server(fleet="api"), id="a server of a fleet in its region"),
        pytest.param(a_port(owner_stands=True), id="a port of a standing server"),
        pytest.param(a_member(owner_stands=True), id="a member of a standing server"),
        pytest.param(a_group(in_use=True), id="a group with servers"),
    ],
)
def test_what_is_known_is_not_spoken_of(thing: MarkedThing) -> None:
    """The rounds look after it; no sweep tells it, marks it or removes it."""
    assert () == swept(thing).findings


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(a_server(), id="a server of no fleet of the estate"),
        pytest.param(a_server(fleet=None), id="a server with our tag and no fleet"),
        pytest.param(a_server(fleet="api", region="RBX1"), id="a server in a region it left"),
        pytest.param(a_port(), id="a port"),
        pytest.param(a_port(owner_id=None, owner_stands=None), id="a port without a server"),
        pytest.param(a_port(fleet="api"), id="a port of a known fleet"),
        pytest.param(a_member(weight=1), id="a member, whatever its weight"),
        pytest.param(a_group(fleet="api"), id="an empty group"),
    ],
)
def test_what_nobody_knows_is_marked_first_and_removed_later(thing: MarkedThing) -> None:
    """First sighting: told and marked; the second one removes it."""
    fresh = thing.model_copy(update={"sighted_at": None})
    assert {thing.id: MARK} == verdicts(swept(fresh))
    assert {thing.id: REMOVE} == verdicts(swept(thing))


@pytest.mark.parametrize(
    ("made", "sighted", "verdict"),
    [
        pytest.param(START - 60 * MINUTE, START - 15 * MINUTE, REMOVE, id="old, seen long ago"),
        pytest.param(START - 60 * MINUTE + SECOND, START - 15 * MINUTE, KEEP, id="too young"),
        pytest.param(START - 60 * MINUTE, START - 15 * MINUTE + SECOND, KEEP, id="seen just now"),
        pytest.param(None, START - 60 * MINUTE, REMOVE, id="age unknown: from its sighting"),
        pytest.param(None, START - 60 * MINUTE + SECOND, KEEP, id="age unknown, seen lately"),
        pytest.param(LONG_AGO, START - SIGHTING_HOLDS, REMOVE, id="an old sighting"),
        pytest.param(LONG_AGO, START - SIGHTING_HOLDS - SECOND, MARK, id="a forgotten sighting"),
    ],
)
def test_how_old_and_how_long_known(
    made: datetime | None, sighted: datetime, verdict: SweepVerdict
) -> None:
    """Both ages have to be reached, to the second."""
    assert [verdict] == [*verdicts(swept(a_port(created_at=made, sighted_at=sighted))).values()]


@pytest.mark.parametrize(
    ("expires", "verdict"),
    [(START, REMOVE), (START + SECOND, MARK)],
    ids=["expired now", "not yet"],
)
def test_an_expired_thing_goes_at_once(expires: datetime, verdict: SweepVerdict) -> None:
    """However young it is, and although no sweep has seen it before."""
    thing = a_server(created_at=START - SECOND, sighted_at=None, expires_at=expires)
    assert {thing.id: verdict} == verdicts(swept(thing))


def test_an_expired_server_takes_its_member_along() -> None:
    """The member goes first; that it serves speaks for it no more."""
    server = a_server(expires_at=START)
    member = a_member(owner_id=server.id, owner_stands=True, weight=1)
    assert [member.id, server.id] == [*verdicts(swept(server, member))]


def test_a_server_that_serves_is_told_and_never_removed() -> None:
    """A fleet may have been renamed in the estate: its users would notice."""
    server = a_server()
    serving = a_member(owner_id=server.id, owner_stands=True, weight=1)
    plan = swept(server, serving)
    assert {server.id: KEEP} == verdicts(plan)
    assert "take it out of its pool first" in plan.findings[0].reason
    drained = serving.model_copy(update={"weight": 0})
    assert REMOVE is verdicts(swept(server, drained))[server.id]


@pytest.mark.parametrize(
    "kind",
    [LeftoverKind.SERVER, LeftoverKind.MEMBER, LeftoverKind.GROUP],
    ids=str,
)
@pytest.mark.parametrize("expired", [True, False], ids=["expired", "not expired"])
def test_what_is_in_change_is_never_removed(kind: LeftoverKind, *, expired: bool) -> None:
    """A leftover that is still being created stays, however old it is and whatever it says."""
    expires = START - HOUR if expired else None
    plan = swept(a_thing(kind, in_change="BUILD", expires_at=expires))
    assert [KEEP] == [*verdicts(plan).values()]
    assert "in change: BUILD" in plan.findings[0].reason


FREEZE_ALL = Freeze.model_validate({"key": "f-1", "fleet": "*", **INTERVAL})
FREEZE_WEB = Freeze.model_validate({"key": "f-2", "fleet": "web", **INTERVAL})
FREEZE_API = Freeze.model_validate({"key": "f-3", "fleet": "api", **INTERVAL})
CLAIM = Claim.model_validate(
    {"key": "c-1", "fleet": "web", "kind": ClaimKind.ORDER, "servers": 3, **INTERVAL}
)
OVER = CLAIM.model_copy(update={"starts_at": LONG_AGO, "ends_at": START})
CEILING = Ceiling.model_validate({"key": "l-1", "fleet": "web", "servers": 0, **INTERVAL})


@pytest.mark.parametrize(
    ("book", "verdict"),
    [
        pytest.param(ClaimBook(freezes=(FREEZE_ALL,)), KEEP, id="all frozen"),
        pytest.param(ClaimBook(freezes=(FREEZE_WEB,)), KEEP, id="its fleet frozen"),
        pytest.param(ClaimBook(freezes=(FREEZE_API,)), REMOVE, id="another fleet frozen"),
        pytest.param(ClaimBook(trouble="no answer"), KEEP, id="claims unreadable"),
        pytest.param(ClaimBook(claims=(CLAIM,)), KEEP, id="a claim asks for its fleet"),
        pytest.param(ClaimBook(claims=(OVER,)), REMOVE, id="a claim that is over"),
        pytest.param(ClaimBook(ceilings=(CEILING,)), REMOVE, id="a ceiling"),
    ],
)
def test_what_is_stored_speaks_for_a_server(book: ClaimBook, verdict: SweepVerdict) -> None:
    """In doubt it stays."""
    assert [verdict] == [*verdicts(swept(a_server(), book=book)).values()]


@pytest.mark.parametrize(
    ("book", "marked"),
    [
        pytest.param(ClaimBook(), 1, id="nothing stored"),
        pytest.param(ClaimBook(freezes=(FREEZE_WEB,)), 1, id="another fleet frozen"),
        pytest.param(ClaimBook(freezes=(FREEZE_API,)), 0, id="its fleet frozen"),
        pytest.param(ClaimBook(trouble="no answer"), 0, id="claims unreadable"),
    ],
)
def test_ports_of_standing_servers_are_marked_unless_frozen(book: ClaimBook, marked: int) -> None:
    """Nothing at all changes while a freeze holds, or may hold."""
    port = a_port(fleet="api", owner_stands=True)
    seen = (RegionInventory(region="GRA11", unmarked_ports=(port,)),)
    assert marked == len(plan_leftover_sweep(seen, SweepInput(an_estate(), book, START)).ports)


@pytest.mark.parametrize(
    ("until", "verdict"), [(START + SECOND, KEEP), (START, REMOVE)], ids=["held", "no more"]
)
def test_a_persons_hold_ends(until: datetime, verdict: SweepVerdict) -> None:
    """It stays as long as a person holds it, and no longer."""
    assert [verdict] == [*verdicts(swept(a_server(held_until=until))).values()]


def test_an_unknown_owner_keeps_its_port() -> None:
    """Whoever could not be asked for may stand."""
    plan = swept(a_port(owner_stands=None))
    assert {"port-1": KEEP} == verdicts(plan)
    assert "it is not known whether its server gone-1 stands" == plan.findings[0].reason


def test_fleets_of_another_estate_are_spared() -> None:
    """Two estates may share a project."""
    assert () == swept(a_server(), a_port(), estate=an_estate(spare_fleets=["web"])).findings


@pytest.mark.parametrize(("most", "removed"), [(2, 2), (3, 3), (4, 3)])
def test_one_sweep_removes_so_many(most: int, removed: int) -> None:
    """The rest is told and waits for the next sweep."""
    ports = [a_port(id=f"port-{n}") for n in range(3)]
    plan = swept(*ports, estate=an_estate(most_removals=most))
    assert removed == len(plan.of(REMOVE))
    assert 3 == len(plan.findings)
    assert all("the next one goes on" in f.reason for f in plan.of(KEEP))


def test_a_region_that_cannot_be_read_is_told() -> None:
    """Nothing is decided there."""
    silent = RegionInventory(region="SBG5", things=(a_port(region="SBG5"),), trouble="no answer")
    plan = plan_leftover_sweep((silent,), SweepInput(an_estate(), ClaimBook(), START))
    assert ((), {"SBG5": "no answer"}) == (plan.findings, plan.unread)
    assert "SBG5 cannot be read: no answer" == sweep_troubles(plan, ())
    assert "not read: SBG5" in sweep_summary(plan)


def test_only_what_both_looks_want_is_done() -> None:
    """What became a leftover between the two looks waits for the next sweep."""
    first, second = swept(a_port()), swept(a_port(), a_port(id="port-2"), a_member(sighted_at=None))
    assert {"port-1": REMOVE, "member-1": KEEP, "port-2": KEEP} == verdicts(agreed(first, second))
    assert {} == verdicts(agreed(second, swept()))


def test_a_group_is_remembered_by_a_note() -> None:
    """It can carry no tag; all others can."""
    group = a_group(sighted_at=None, id="0b5e3c6a-77ab-4a0e-9f0e-1f3a2b4c5d6e")
    note = sighting_note(group, START - HOUR)
    assert isinstance(note, SightedNote)
    assert note.until == START - HOUR + SIGHTING_HOLDS
    assert {group.id: REMOVE} == verdicts(swept(group, book=ClaimBook(sighted=(note,))))
    assert [None] * 3 == [sighting_note(t, START) for t in (a_server(), a_port(), a_member())]


@pytest.mark.parametrize(
    ("thing", "desired", "left"),
    [
        pytest.param(a_server(fleet="api"), 0, 1, id="a server where none is desired"),
        pytest.param(a_server(fleet="api"), 4, 0, id="a server where some are"),
        pytest.param(a_server(), 0, 0, id="another fleet's server"),
        pytest.param(a_port(fleet="api"), 4, 1, id="a port whose server is gone"),
        pytest.param(a_port(fleet=None), 4, 1, id="an unmarked port of a server we saw go"),
        pytest.param(a_port(fleet=None, owner_id="x"), 0, 0, id="somebody else's port"),
        pytest.param(a_port(fleet="api", owner_stands=True), 0, 0, id="a standing server's port"),
        pytest.param(a_member(fleet="api"), 4, 1, id="a member whose server is gone"),
        pytest.param(a_member(fleet="api", in_change="PENDING_DELETE"), 0, 0, id="it is going"),
        pytest.param(a_group(fleet="api"), 4, 1, id="an empty group"),
        pytest.param(a_group(fleet="api", in_change="new"), 0, 0, id="a group that may be filled"),
        pytest.param(a_group(fleet="api", in_use=True), 0, 0, id="a group in use"),
    ],
)
def test_what_a_closed_window_left_behind(thing: MarkedThing, desired: int, left: int) -> None:
    """Zero residue, for the fleet and for the servers that were seen to go."""
    seen = (RegionInventory(region="GRA11", things=(thing,)),)
    told = residue_of(seen, "api", frozenset({"gone-1"}), desired=desired)
    assert left == len(told)


def test_the_promise_is_told_with_the_outcome() -> None:
    """Kept: nothing. Broken: what and where. Not checked: that, too."""
    assert {"measure": "left behind", "value": "nothing"} == residue_rows((), ())[1]
    assert residue_told(()) is None
    silent = (RegionInventory(region="SBG5", trouble="no answer"),)
    left = residue_of(silent, "api", frozenset(), desired=0)
    assert "left behind: SBG5 cannot be read: no answer" == residue_told(left)


def test_the_table_has_a_row_for_each_finding() -> None:
    """Removals first, in the order in which they are made; nothing found is said, too."""
    plan = swept(a_server(), a_member(), a_port(sighted_at=None))
    assert ["remove", "remove", "first sighting"] == [row["verdict"] for row in sweep_rows(plan)]
    assert ["member", "server", "port"] == [row["what"] for row in sweep_rows(plan)]
    assert "2 to remove, 1 seen for the first time, 0 kept" == sweep_summary(plan)
    assert ["nothing"] == [row["verdict"] for row in sweep_rows(swept())]
    refused = SweepResult(thing=a_server(), refused="the balancer is busy")
    assert "server server-1 in GRA11: the balancer is busy" == sweep_troubles(plan, (refused,))


MOMENTS = st.one_of(
    st.none(), st.integers(-4000, 4000).map(lambda minutes: START + minutes * MINUTE)
)


@st.composite
def things(draw: st.DrawFn) -> tuple[MarkedThing, ...]:
    """Whatever may carry our mark."""
    found = []
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(tuple(LeftoverKind)))
        found.append(
            a_thing(
                kind,
                id=f"t-{number}",
                region=draw(st.sampled_from(["GRA11", "SBG5", "RBX1"])),
                fleet=draw(st.sampled_from(["api", "web", None])),
                created_at=draw(MOMENTS),
                sighted_at=draw(MOMENTS),
                expires_at=draw(MOMENTS),
                in_change=draw(st.sampled_from([None, None, "BUILD"])),
                owner_id=draw(st.sampled_from([None, "t-0", "t-1", "gone"])),
                owner_stands=draw(st.sampled_from([None, True, False])),
                in_use=draw(st.booleans()),
                weight=draw(st.integers(0, 1)),
            )
        )
    return tuple(found)


def later(plan_things: tuple[MarkedThing, ...], removed: set[str]) -> Iterator[MarkedThing]:
    """The things after a sweep that removed some and marked what it saw first."""
    marks = {f.thing.id for f in swept(*plan_things).of(MARK)}
    for thing in plan_things:
        if thing.id not in removed:
            update = {"sighted_at": START} if thing.id in marks else {}
            yield thing.model_copy(update=update)


@given(things(), st.integers(1, 5))
def test_a_sweep_is_careful(seen: tuple[MarkedThing, ...], most: int) -> None:
    """Never above its cap, nothing in change, nothing unseen that has not expired."""
    plan = swept(*seen, estate=an_estate(most_removals=most))
    removed = [f.thing for f in plan.of(REMOVE)]
    assert len(removed) <= most
    assert {t.id for t in seen} >= {f.thing.id for f in plan.findings}
    for finding in plan.of(REMOVE):
        thing = finding.thing
        expired = thing.expires_at is not None and thing.expires_at <= START
        seen_before = thing.sighted_at is not None and thing.sighted_at <= START - 15 * MINUTE
        assert expired or seen_before or "its server goes" == finding.reason
        assert thing.in_change is None or "its server goes" == finding.reason


@given(things(), st.data())
def test_a_sweep_that_was_killed_is_gone_on_with(
    seen: tuple[MarkedThing, ...], data: st.DataObject
) -> None:
    """Any part of its removals done: the next one wants the rest, and nothing beside."""
    wanted = [f.thing.id for f in swept(*seen).of(REMOVE)]
    done = set(data.draw(st.lists(st.sampled_from(wanted))) if wanted else [])
    after = swept(*later(seen, done))
    ours = {f.thing.id for f in after.of(REMOVE)}
    unserved = {t.id for t in seen if t.kind is LeftoverKind.SERVER}
    assert set(wanted) - done - {m for m in wanted if _member_of(m, seen)} <= ours
    assert ours <= set(wanted) | unserved
    assert () == tuple(f for f in after.of(MARK) if f.thing.sighted_at == START)


def _member_of(thing_id: str, seen: tuple[MarkedThing, ...]) -> bool:
    return any(t.id == thing_id and t.kind is LeftoverKind.MEMBER for t in seen)
