"""A program: one convergence of the hand, in a process of its own, and what it took.

`python -m tests.bench.converging <estate file> <order as JSON>` prints a `Converged` as JSON.
"""

import asyncio
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field

from springtide.commands.hand import open_hand
from springtide.model.base import Model, Moment
from springtide.model.claim import Claim, ClaimBook, ClaimKind, ProvenImage
from springtide.model.server import Phase


class Order(Model):
    """What to converge to."""

    servers: int
    proven: dict[str, str] = Field(default_factory=dict)
    """Id of the image by region, where it has served before."""


class Converged(Model):
    """What a convergence took."""

    began_at: Moment
    seconds: float
    """From the call, before there is a token, to its end."""
    cpu_s: float
    """Processor time of that, system time too."""
    greatest_mib: float
    """The most memory that the process ever had resident, its imports included."""
    serving: int
    ending: str
    rounds: int
    failures: tuple[str, ...]


def converge_to(estate_file: Path, order: Order) -> Converged:
    """What the convergence took."""
    before, began_at, began = _cpu_s(), datetime.now(UTC), time.monotonic()
    hand = open_hand(estate_file, "api", say=lambda _: None)
    outcome = asyncio.run(hand.converge(_book(order, began_at)))
    return Converged(
        began_at=began_at,
        seconds=time.monotonic() - began,
        cpu_s=_cpu_s() - before,
        greatest_mib=_greatest_mib(),
        serving=outcome.last.count(Phase.SERVING),
        ending=outcome.ending.value,
        rounds=len(outcome.rounds),
        failures=outcome.failures,
    )


def _book(order: Order, now: datetime) -> ClaimBook:
    if order.servers == 0:
        return ClaimBook()
    claim = Claim(
        key="order-bench",
        fleet="api",
        kind=ClaimKind.ORDER,
        servers=order.servers,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        owner="bench",
        reason="a measurement",
    )
    proven = tuple(
        ProvenImage(
            key=f"proven-api-{region.lower()}",
            fleet="api",
            region=region,
            image_id=image_id,
            until=now + timedelta(days=30),
        )
        for region, image_id in order.proven.items()
    )
    return ClaimBook(claims=(claim,), proven=proven)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _greatest_mib() -> float:
    # Not ru_maxrss: after fork and exec it still holds the parent's.
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line.split()[1] for line in status.splitlines() if "VmHWM" in line)) / 1024


if __name__ == "__main__":
    done = converge_to(Path(sys.argv[1]), Order.model_validate_json(sys.argv[2]))
    sys.stdout.write(done.model_dump_json() + "\n")
