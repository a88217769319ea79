"""The runs that all measurements share: each is made once and looked at often."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from rich.console import Console

from springtide.sandbox.world import CallKey
from tests.bench.converging import Converged, Order
from tests.bench.floor import bare_seconds, longest_boot_s, newest_images
from tests.bench.stage import ROOT, Stage, Terms, stage

_PATIENCE_S = 1800.0
_AT_ONCE = 12
_LISTINGS = ("/servers/detail", "/v2.0/lbaas/pools/{pool_id}/members")
_BALANCER = "/v2.0/lbaas/loadbalancers/{id}"


@dataclass(frozen=True)
class Pass:
    """One convergence, the calls that the sandbox counted, and when what was asked for."""

    converged: Converged
    calls: Counter[CallKey]
    asked_at_s: dict[str, tuple[float, ...]]
    """Seconds after the call at which each kind of change was sent, e.g. `POST compute`."""

    @property
    def listings(self) -> int:
        """Looks at servers and at pools' members."""
        return sum(n for key, n in self.calls.items() if _reads(key) and key.path in _LISTINGS)

    @property
    def balancer_looks(self) -> int:
        """Looks at a balancer that has not yet finished a change."""
        return sum(n for key, n in self.calls.items() if _reads(key) and key.path == _BALANCER)

    @property
    def others(self) -> int:
        """All calls but those, the two to Keystone too."""
        return self.calls.total() - self.listings - self.balancer_looks


@dataclass(frozen=True)
class Opening:
    """One opening of an empty cloud."""

    made: Pass
    longest_boot_s: float
    """The cloud's own: from the accepted create of a server to ACTIVE, to the second."""


@dataclass
class Runs:
    """Runs by their terms, made when they are first asked for."""

    console: Console
    openings: dict[Terms, list[Opening]] = field(default_factory=dict)
    closings: dict[Terms, Pass] = field(default_factory=dict)
    bare: dict[Terms, float] = field(default_factory=dict)

    def opened(self, terms: Terms, *, times: int = 1) -> list[Opening]:
        """At least that many openings of these terms, one after another."""
        while len(self.openings.get(terms, [])) < times:
            self._run(terms, close=False)
        return self.openings[terms]

    def closed(self, terms: Terms) -> Pass:
        """A closing of what was opened under these terms."""
        if terms not in self.closings:
            self._run(terms, close=True)
        return self.closings[terms]

    def side_by_side(self, opened: Iterable[Terms], closed: Iterable[Terms] = ()) -> None:
        """Make an opening or a closing of each at the same time: for terms that mostly wait."""
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            ending: list[Future[object]] = [pool.submit(self.opened, terms) for terms in opened]
            ending += [pool.submit(self.closed, terms) for terms in closed]
            for each in ending:
                each.result()

    def bare_s(self, terms: Terms, *, wave_servers: int, times: int = 3) -> float:
        """The median of the bare client's seconds, with that many servers a POST."""
        known = terms.model_copy(update={"wave_servers": wave_servers})
        if known not in self.bare:
            self.say(f"bare client: {terms}, {wave_servers} a POST")
            with stage(known) as ground:
                self.bare[known] = median(_bare_s(ground, known) for _ in range(times))
        return self.bare[known]

    def _run(self, terms: Terms, *, close: bool) -> None:
        self.say(f"{terms}{'' if terms.proven else ', unproven'}, {terms.pool_kind} pools")
        with stage(terms) as ground:
            proven = newest_images(ground) if terms.proven else {}
            made = _converge(ground, Order(servers=terms.servers, proven=proven))
            if made.converged.serving != terms.servers:
                raise RuntimeError(f"{terms}: {made.converged}")
            opening = Opening(made, longest_boot_s(ground))
            self.openings.setdefault(terms, []).append(opening)
            if close:
                self.closings[terms] = _converge(ground, Order(servers=0))

    def say(self, text: str) -> None:
        """Tell what is being measured."""
        self.console.print(f"[dim]measuring {text}[/dim]", highlight=False)


def _converge(ground: Stage, order: Order) -> Pass:
    ground.forget_calls()
    command = [sys.executable, "-m", "tests.bench.converging", str(ground.estate_file)]
    done = subprocess.run(
        [*command, order.model_dump_json()],
        cwd=ROOT,
        env=ground.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    converged = Converged.model_validate_json(done.stdout)
    return Pass(converged, ground.calls(), _asked_at_s(ground, converged.began_at))


def _asked_at_s(ground: Stage, began_at: datetime) -> dict[str, tuple[float, ...]]:
    asked: dict[str, list[float]] = {}
    for line in ground.changes():
        if line["step"] == "intent":
            after = datetime.fromisoformat(line["time"]) - began_at
            asked.setdefault(f"{line['method']} {line['service']}", []).append(
                after.total_seconds()
            )
    return {kind: tuple(sorted(times)) for kind, times in asked.items()}


def _bare_s(ground: Stage, terms: Terms) -> float:
    ground.reset()
    ground.forget_calls()
    return bare_seconds(ground, terms.servers, wave_servers=terms.wave_servers)


def _reads(key: CallKey) -> bool:
    return key.method == "GET"
