"""The metrics: names, labels and meaning; docs/metrics.md has the table for operators."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from deployments.metrics_exporter.reading import Reading
from springtide.model.api_calls import CallCount, CallsNote
from springtide.model.claim import ClaimBook
from springtide.model.glance import FleetGlance
from springtide.model.leftover import SweepVerdict
from springtide.model.server import Phase
from springtide.planning.startup_times import percentile

STATES = {
    "launching": (Phase.BUILDING, Phase.ACTIVE, Phase.ANSWERING),
    "serving": (Phase.SERVING,),
    "draining": (Phase.DRAINING,),
    "leaving": (Phase.LEAVING,),
    "failed": (Phase.FAILED,),
}
_QUANTILES = (0.5, 0.95)


class Readings(Protocol):
    """Whoever reads."""

    @property
    def last(self) -> Reading | None:
        """The last reading; None before the first."""

    def calls_taken(self) -> tuple[CallCount, ...]:
        """The reader's own calls since this was last asked."""


class FleetCollector(Collector):
    """Tells the last reading at each scrape; nothing before the first one is there."""

    def __init__(self, reader: Readings) -> None:
        """Nothing was read yet."""
        self._reader = reader
        self._calls = CallTotals()
        self._lock = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing: else the registry would collect once to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every metric, as of the last reading."""
        reading = self._reader.last
        if reading is None:
            return
        with self._lock:
            self._calls.add(reading.book.calls)
            self._calls.add_own(self._reader.calls_taken())
        yield from _of_fleets(reading.glances)
        yield from _of_runs(reading.glances)
        yield from _of_book(reading.book, reading.glances)
        yield from _of_startups(reading.book)
        yield from self._calls.metrics()
        yield from _of_reading(reading)


class CallTotals:
    """Calls since this process began, added up from what each run has told.

    Notes that were there before count nothing: whoever counted before has counted them.
    """

    def __init__(self) -> None:
        """Nothing was told yet."""
        self._known: set[str] | None = None
        self._calls: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()

    def add(self, notes: Iterable[CallsNote]) -> None:
        """Add the notes that are new; a series begins at 0 with its first note."""
        told = {note.key: note for note in notes}
        begins, known = self._known is None, self._known or set()
        for key, note in told.items():
            for count in note.counts:
                place, new = (count.region, count.service), not begins and key not in known
                self._calls[place] += count.calls if new else 0
                self._refused[place] += count.refused if new else 0
        self._known = set(told)

    def add_own(self, counts: Iterable[CallCount]) -> None:
        """Add what this process has called itself."""
        for count in counts:
            self._calls[count.region, count.service] += count.calls
            self._refused[count.region, count.service] += count.refused

    def metrics(self) -> Iterator[Metric]:
        """Two counters by region and service."""
        for name, what, totals in (
            ("springtide_api_calls", "Calls to the cloud's API.", self._calls),
            ("springtide_api_calls_refused", "Of these, refused as too many (429).", self._refused),
        ):
            family = CounterMetricFamily(name, what, labels=("region", "service"))
            for (region, service), total in sorted(totals.items()):
                family.add_metric((region, service), total)
            yield family


def _of_fleets(glances: Iterable[FleetGlance]) -> Iterator[Metric]:
    desired = _gauge("desired_servers", "Servers that claims and ceilings come to.", "fleet")
    asked = _gauge("asked_servers", "Servers that claims ask for, before ceilings.", "fleet")
    servers = _gauge("servers", "Servers by what they are doing.", "fleet", "region", "state")
    readable = _gauge("region_readable", "1 where the region could be read.", "fleet", "region")
    alarms = _gauge("alarms", "Alarms that a round would raise now.", "fleet")
    for glance in glances:
        plan, name = glance.plan, glance.plan.fleet
        desired.add_metric((name,), plan.desired.servers)
        asked.add_metric((name,), plan.desired.asked)
        alarms.add_metric((name,), len(plan.alarms))
        for region in glance.observation.snapshot.regions:
            readable.add_metric((name, region.region), int(region.trouble is None))
            if region.trouble is not None:
                continue
            phases = plan.phases.get(region.region, {})
            for state, kinds in STATES.items():
                count = sum(phases.get(phase, 0) for phase in kinds)
                servers.add_metric((name, region.region, state), count)
    yield from (desired, asked, servers, readable, alarms)


def _of_runs(glances: Iterable[FleetGlance]) -> Iterator[Metric]:
    family = _gauge(
        "last_run_timestamp_seconds", "When the last run began.", "fleet", "flow", "state"
    )
    for glance in glances:
        newest: dict[tuple[str, str], float] = {}
        for run in glance.runs:
            if run.began_at is not None:
                at = run.began_at.timestamp()
                newest[run.flow, run.state] = max(at, newest.get((run.flow, run.state), at))
        for (flow, state), at in sorted(newest.items()):
            family.add_metric((glance.plan.fleet, flow, state), at)
    yield family


def _of_book(book: ClaimBook, glances: Iterable[FleetGlance]) -> Iterator[Metric]:
    readable = _gauge("claims_readable", "1 where all that is stored could be read.")
    readable.add_metric((), int(book.trouble is None))
    frozen = _gauge("frozen", "1 while a freeze holds.", "fleet")
    for glance in glances:
        frozen.add_metric((glance.plan.fleet,), int(glance.plan.frozen is not None))
    yield from (readable, frozen)


def _of_startups(book: ClaimBook) -> Iterator[Metric]:
    seconds = _gauge(
        "serving_after_seconds",
        "From a server's creation until it serves, of the last weeks.",
        *("fleet", "region", "image", "quantile"),
    )
    measured = _gauge(
        "servers_measured",
        "Servers that these seconds were measured on.",
        "fleet",
        "region",
        "image",
    )
    times: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for note in book.startups:
        times[note.fleet, note.region, note.image_id] += note.serving_s
    for place, found in sorted(times.items()):
        measured.add_metric(place, len(found))
        for share in _QUANTILES:
            seconds.add_metric((*place, f"{share:g}"), percentile(found, share))
    yield from (seconds, measured)


def _of_reading(reading: Reading) -> Iterator[Metric]:
    leftovers = _gauge("leftovers", "Things that no plan knows, by the last sweep.", "verdict")
    if reading.leftovers is not None:
        verdicts = Counter(str(row.get("verdict")) for row in reading.leftovers.rows)
        for verdict in SweepVerdict:
            leftovers.add_metric((verdict.value,), verdicts.get(verdict.value, 0))
    swept = _gauge("last_sweep_timestamp_seconds", "When the last sweep was shown.")
    if reading.leftovers is not None:
        swept.add_metric((), reading.leftovers.at.timestamp())
    prefect = _gauge("prefect_up", "1 where Prefect's API answers.")
    prefect.add_metric((), int(reading.prefect_answers))
    took = _gauge("reading_seconds", "How long the last reading took.")
    took.add_metric((), reading.seconds)
    read = _gauge("reading_timestamp_seconds", "When the last reading was over.")
    read.add_metric((), reading.at)
    yield from (leftovers, swept, prefect, took, read)


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"springtide_{name}", what, labels=labels)
