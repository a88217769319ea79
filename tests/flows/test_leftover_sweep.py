"""The sweep as a flow, on Prefect's own engine and the sandbox cloud."""

import asyncio
from datetime import timedelta
from typing import Any

import openstack
from prefect import State
from prefect.variables import Variable

from flows.evening_window import close_evening_window, open_evening_window
from flows.leftover_sweep import sweep_leftovers
from springtide.model.claim import Freeze
from springtide.model.leftover import SweepPlan
from springtide.planning.claim_book import entry_name
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from tests.flows.evening import MONDAY_16H, TAIL, Evening, stored
from tests.waiting import wait_until

MIDNIGHT = MONDAY_16H + timedelta(hours=8)
HOUR = timedelta(hours=1)


def cloud(region: str = "GRA11") -> Any:  # noqa: ANN401 - the SDK has no types
    """That region, as any client sees it."""
    return openstack.connect(cloud="sandbox", region_name=region)


def a_server(name: str, *tags: str) -> str:
    """The id of a server in GRA11 that somebody made by hand, with these tags."""
    client = cloud()
    body = {
        "name": name,
        "imageRef": next(client.image.images()).id,
        "flavorRef": next(client.compute.flavors()).id,
        "networks": [{"uuid": next(client.network.networks()).id}],
        "tags": tags,
    }
    made = client.compute.post("/servers", json={"server": body}, microversion="2.79").json()
    server_id = str(made["server"]["id"])
    wait_until(lambda: client.compute.get_server(server_id).status == "ACTIVE")
    return server_id


def standing() -> set[str]:
    """Ids of the servers of GRA11 that are not being deleted."""
    return {s.id for s in cloud().compute.servers() if s.task_state != "deleting"}


def sweep(evening: Evening, *, after: timedelta = timedelta(), **parameters: bool) -> State[Any]:
    """One sweep, that much later by the sandbox's clock."""
    evening.sandbox.set_clock(evening.sandbox.now() + after)
    return evening.run(sweep_leftovers, **{"dry_run": False, **parameters})


def found(state: State[Any]) -> list[tuple[str, str]]:
    """What was decided, as (verdict, name or id)."""
    plan = SweepPlan.model_validate(asyncio.run(state.aresult()))
    return [(f.verdict.value, f.thing.name or f.thing.id) for f in plan.findings]


def test_a_leftover_goes_at_its_second_sighting(evening: Evening) -> None:
    """Told at the first, gone at the next; what expires goes at once; a foreign server stays."""
    evening.sandbox.set_clock(MIDNIGHT)
    expires = f"springtide:expires:{MIDNIGHT:%Y%m%dT%H%M%SZ}"
    ours = a_server("web-1", "springtide", "springtide:fleet:web")
    foreign = a_server("api-springtide-web-1", "not-springtide")
    trial = a_server("trial", "springtide", expires)
    first = sweep(evening, after=timedelta(minutes=2))
    assert first.is_completed(), first.message
    assert [("remove", "trial"), ("first sighting", "web-1")] == found(first)
    assert "the estate has no fleet web in GRA11" in evening.artifact("leftovers")
    assert ({ours, foreign}, False) == (standing(), trial in standing())
    rule = FaultRule(service="compute", method="DELETE", path_regex="/servers/", status=409)
    evening.sandbox.add_fault(rule)
    refused = sweep(evening, after=HOUR)
    assert refused.is_failed()
    assert "server web-1 in GRA11" in (refused.message or "")
    evening.sandbox.clear_faults()
    assert [("remove", "web-1")] == found(sweep(evening))
    assert {foreign} == standing()


def test_ports_are_known_by_a_mark_when_their_server_is_gone(evening: Evening) -> None:
    """A sweep amid an evening removes nothing and marks ports; one that is left behind goes."""
    evening.sandbox.add_behaviour(ServerBehaviour(leak_port=True, region="GRA11", times=1))
    evening.run(open_evening_window)
    amid = sweep(evening)
    assert amid.is_completed(), amid.message
    assert [] == found(amid)
    ports = [port for name in ("GRA11", "SBG5", "RBX1") for port in cloud(name).network.ports()]
    assert [["springtide:fleet:api"]] * 6 == [port.tags for port in ports]
    assert 6 == evening.serving()
    servers = evening.sandbox.world.regions["GRA11"].servers
    (leaking,) = (s.id for s in servers.values() if s.behaviour.leak_port)
    cloud().compute.delete_server(leaking)
    wait_until(lambda: leaking not in servers)
    for verdict in ("first sighting", "remove"):
        # Nobody kept the fleet meanwhile: its member is left behind, too.
        assert [verdict, verdict] == [said for said, _ in found(sweep(evening, after=HOUR))]
    assert 5 == sum(1 for name in ("GRA11", "SBG5", "RBX1") for _ in cloud(name).network.ports())


def test_a_dry_run_changes_and_remembers_nothing(evening: Evening) -> None:
    """Not even a first sighting; by default it is one."""
    a_server("web-1", "springtide", "springtide:fleet:web")
    evening.sandbox.forget_calls()
    for _ in range(2):
        state = evening.run(sweep_leftovers)
        assert [("first sighting", "web-1")] == found(state)
    assert (0, {}) == (evening.changes(), asyncio.run(stored()))


def test_a_freeze_holds_for_sweeps(evening: Evening) -> None:
    """Nothing is removed or marked while all is frozen, and the table says who froze."""
    evening.sandbox.set_clock(MIDNIGHT)
    a_server("web-1", "springtide", "springtide:fleet:web")
    freeze = Freeze(
        key="freeze-1",
        fleet="*",
        starts_at=MONDAY_16H - HOUR,
        ends_at=MONDAY_16H + 12 * HOUR,
        owner="operations",
        reason="a test says so",
    )
    asyncio.run(Variable.aset(entry_name(freeze), freeze.model_dump(mode="json")))
    evening.sandbox.forget_calls()
    assert [("keep", "web-1")] == found(sweep(evening))
    assert 0 == evening.changes()
    assert "frozen by operations" in evening.artifact("leftovers")


def test_two_sweeps_at_once_are_harmless(evening: Evening) -> None:
    """Both may see it first, both may remove it; the second is no second sighting."""
    evening.sandbox.set_clock(MIDNIGHT)
    ours = a_server("web-1", "springtide", "springtide:fleet:web")
    evening.sandbox.set_clock(MIDNIGHT + 2 * HOUR)

    async def both() -> list[Any]:
        runs = (sweep_leftovers(dry_run=False, return_state=True) for _ in range(2))
        return list(await asyncio.gather(*runs))

    assert all(state.is_completed() for state in asyncio.run(both()))
    assert {ours} == standing()
    evening.sandbox.set_clock(MIDNIGHT + 3 * HOUR)
    assert all(state.is_completed() for state in asyncio.run(both()))
    assert set() == standing()


def test_a_closing_tells_what_it_left_behind(evening: Evening) -> None:
    """A port that Neutron does not delete breaks the promise, and the outcome says so."""
    evening.sandbox.add_behaviour(ServerBehaviour(leak_port=True, region="GRA11", times=1))
    evening.run(open_evening_window)
    rule = FaultRule(service="network", method="DELETE", path_regex="/ports/", status=404)
    evening.sandbox.add_fault(rule)
    evening.sandbox.set_clock(TAIL)
    closed = evening.run(close_evening_window)
    assert closed.is_failed()
    assert "left behind: port" in (closed.message or "")
