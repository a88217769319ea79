"""Who is measured, and what each one's two commands are."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from springtide.model.claim import Claim, ClaimKind, ProvenImage
from springtide.planning.claim_book import entry_name
from tests.bench.peers.ground import PREFIX, ROOT, Ground, environment_of

_HERE = Path(__file__).parent
_ESTATE = ROOT / "deployments" / "estate.yaml"
_PACE = ("rate_limit", "poll_interval_s", "request_timeout_s")
"""Of the shipped estate, beside its fleet: all else has nothing to do with a fleet."""
_FORKS = 10
_WAVE = 16

Command = list[str]


@dataclass(frozen=True)
class Contestant:
    """One way to open and to close a fleet."""

    name: str
    title: str
    """As it stands in the table."""
    command: Callable[[Ground, str, int], Command]
    """Given `open` or `close` and how many servers."""
    prepare: Callable[[Ground], None] = lambda _: None
    """What is done once, before anything is measured."""
    is_floor: bool = False


def _springtide(ground: Ground, act: str, servers: int) -> Command:
    """`springtide fleet converge`, with an order of that many, or with nothing ordered."""
    program = str(Path(sys.executable).with_name("springtide"))
    estate = str(ground.folder / "estate.yaml")
    command = [program, "fleet", "converge", PREFIX, "--estate", estate]
    if act == "close":
        return [*command, "--no-stored-claims"]
    claims = ground.folder / f"claims-{servers}.yaml"
    claims.write_text(yaml.safe_dump(_entries(ground, servers)), "utf-8")
    return [*command, "--claims", str(claims)]


def _entries(ground: Ground, servers: int) -> dict[str, object]:
    """An order, and the note that the image has served here before, as from the second evening."""
    now = datetime.now(UTC)
    ends_at = now + timedelta(days=1)
    order = Claim(
        key="order-peers",
        fleet=PREFIX,
        kind=ClaimKind.ORDER,
        servers=servers,
        starts_at=now,
        ends_at=ends_at,
        owner="bench",
        reason="a measurement",
    )
    proven = ProvenImage(
        key=f"proven-{PREFIX}-{ground.region.lower()}",
        fleet=PREFIX,
        region=ground.region,
        image_id=ground.ids["image"],
        until=ends_at,
    )
    return {entry_name(entry): entry.model_dump(mode="json") for entry in (order, proven)}


def _write_estate(ground: Ground) -> None:
    """The shipped estate file with its pace and limits; names and port are the ground's.

    Nobody else is in the pool: so it is declared exclusive.
    """
    shipped_estate = yaml.safe_load(_ESTATE.read_text("utf-8"))
    shipped = shipped_estate["fleets"][0]
    region = {
        "name": ground.region,
        "network": ground.network,
        "subnet": ground.subnet,
        "pool": ground.pool,
        "pool_kind": "exclusive",
    }
    fleet = {
        **shipped,
        "name": PREFIX,
        "image": ground.image,
        "flavour": ground.flavour,
        "key_pair": ground.key_pair,
        "security_groups": [ground.security_group],
        "user_data_file": str(_ESTATE.parent / shipped["user_data_file"]),
        "health": {**shipped["health"], "port": ground.port},
        "regions": [region],
    }
    estate = {name: shipped_estate[name] for name in _PACE} | {
        "cloud": ground.cloud,
        "residency": [ground.region],
        "fleets": [fleet],
    }
    (ground.folder / "estate.yaml").write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")


def _ansible(ground: Ground, act: str, servers: int) -> Command:
    """A play whose hosts are the servers, ten of them side by side."""
    program = environment_of("ansible", ground.folder).with_name("ansible-playbook")
    hosts = ",".join(f"{PREFIX}-{number}" for number in range(1, servers + 1))
    playbook = str(_HERE / "playbooks" / f"{act}.yaml")
    return [str(program), "--forks", str(_FORKS), "--inventory", f"{hosts},", playbook]


def _make_environment(ground: Ground) -> None:
    environment_of("ansible", ground.folder)


def _program(name: str) -> Callable[[Ground, str, int], Command]:
    path = str(_HERE / "programs" / name)
    start = ["bash"] if name.endswith(".sh") else [sys.executable]
    return lambda _, act, servers: [*start, path, act, str(servers)]


def _floor(servers_a_post: int) -> Callable[[Ground, str, int], Command]:
    def command(ground: Ground, act: str, servers: int) -> Command:
        told = ground.folder / "ground.json"
        program = [sys.executable, "-m", "tests.bench.peers.programs.floor", str(told)]
        return [*program, act, str(servers), str(servers_a_post)]

    return command


def _write_ground(ground: Ground) -> None:
    told = json.loads(ground.model_dump_json())
    (ground.folder / "ground.json").write_text(json.dumps(told), "utf-8")


CONTESTANTS = (
    Contestant("springtide", "Springtide", _springtide, _write_estate),
    Contestant("sdk", "openstacksdk, 10 threads", _program("sdk_threads.py")),
    Contestant("cli", "`openstack` command line", _program("command_line.sh")),
    Contestant(
        "ansible",
        f"Ansible `openstack.cloud`, {_FORKS} forks",
        _ansible,
        _make_environment,
    ),
    Contestant("heat", "Heat `ResourceGroup`", _program("heat_stack.py")),
    Contestant("floor-1", "bare single POSTs", _floor(1), _write_ground, is_floor=True),
    Contestant("floor-16", f"bare waves of {_WAVE}", _floor(_WAVE), _write_ground, is_floor=True),
)
