"""Whether a member of a pool is well: who complains about it, and how often in a row.

As an operator reads it: three may complain about a member, as the estate allows: Nova (its status),
our own probe, and the balancer. A complaint counts as a failed check when the last one that counted
is `check_interval_s` ago; `sick_after_checks` failed checks in a row make it sick, one look without
a complaint makes it well again. The number stands on the server itself, so that the next run goes
on counting; a server that was always well is never written to.

Example: 3 checks, 10 s apart. A look at 16:00:00 finds it silent (1), another at 16:00:04 as well
(too soon), at 16:00:10 (2), at 16:00:20 (3): it is sick.
"""

from dataclasses import dataclass
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.fleet import Fleet, Prober
from springtide.model.healing import Signal
from springtide.model.server import Member, Server
from springtide.model.snapshot import RegionSnapshot

NOVA_DEAD = frozenset(
    {"ERROR", "SHUTOFF", "STOPPED", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"}
)


@dataclass(frozen=True)
class Health:
    """What is said of a member, and what follows from that and from earlier looks."""

    complaints: frozenset[Signal] = frozenset()
    failed: int = 0
    """Failed checks in a row, this look's included where it counts."""
    due: bool = False
    """Whether `failed` is not what stands on the server."""

    def sick(self, fleet: Fleet) -> bool:
        """Whether it has failed often enough in a row."""
        return self.failed >= fleet.healing.sick_after_checks


def complaints_about(
    server: Server, member: Member, snapshot: RegionSnapshot, fleet: Fleet
) -> frozenset[Signal]:
    """Who says that the member is down, of those whom the estate listens to."""
    probed = fleet.health.prober is Prober.SPRINGTIDE and server.id in snapshot.probed
    said = {
        Signal.NOVA: server.status in NOVA_DEAD,
        Signal.PROBE: probed and server.id not in snapshot.answering,
        Signal.BALANCER: member.operating_status == "ERROR",
    }
    return frozenset(signal for signal in fleet.healing.signals if said[signal])


def judge_health(
    server: Server, complaints: frozenset[Signal], fleet: Fleet, now: Moment
) -> Health:
    """The member's health, counted on from what stands on the server."""
    before = server.health.failed if server.health is not None else 0
    if not complaints:
        return Health(due=before > 0)
    enough = fleet.healing.sick_after_checks
    interval = timedelta(seconds=fleet.healing.check_interval_s)
    counts = server.health is None or before == 0 or now - server.health.at >= interval
    if before >= enough or not counts:
        return Health(complaints, before)
    return Health(complaints, before + 1, due=True)


def found_sick(server: Server, fleet: Fleet) -> bool:
    """Whether it stands on the server that it was found sick, and not that it is well again."""
    return server.health is not None and server.health.failed >= fleet.healing.sick_after_checks


def said_of(health: Health, server: Server) -> str:
    """The complaints in words."""
    words = {
        Signal.NOVA: server.fault or f"Nova says {server.status}",
        Signal.PROBE: "it does not answer our probe",
        Signal.BALANCER: "the balancer says that it is down",
    }
    return ", ".join(words[signal] for signal in Signal if signal in health.complaints)
