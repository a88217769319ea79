"""Rehearsals: a sandbox in this process, shaped after a fleet's cloud, and what is seen of it.

Nothing of the real fleet is read or changed: no stored claim or note, no audit log, no turn at it.
"""

import asyncio
import resource
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.runtime import flow_run

from springtide.clouds.audit import AuditLog
from springtide.clouds.observer import FleetObserver
from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.claim import ClaimBook
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.outcome import Outcome
from springtide.model.rehearsal import Measures, RehearsalSettings, RehearsedServer, Sightings
from springtide.model.server import Member, Phase, Server
from springtide.planning.claim_book import Note
from springtide.planning.phases import sight_region
from springtide.planning.surge_rehearsal import canary_waves, measures_of
from springtide.planning.telling import Row
from springtide.sandbox.process import Sandbox
from springtide.sandbox.rehearsal import fleet_of, sandbox_of
from springtide.sandbox.sockets import free_port
from tasks.claims import read_claims
from tasks.cloud import Order, access_lent, cloud_access, read_estate
from tasks.readiness import inspect_cloud
from tasks.watch import FleetWatch

_OTHER_FILES = 512
"""What a run has open beside its rehearsal's servers, and more."""


class RehearsedWatch(FleetWatch):
    """A watch whose book is empty and stays so: what is learnt is true of the sandbox alone."""

    async def remember(self, note: Note) -> None:
        """Forget it."""

    async def read_book(self, now: datetime) -> ClaimBook:  # noqa: ARG002 - a real book's need
        """Nothing is stored for a rehearsal."""
        return ClaimBook()


@dataclass
class Rehearsal:
    """A rehearsal under way."""

    watch: RehearsedWatch
    sandbox: Sandbox
    began_at: Moment
    began: float
    """The same by a clock that nobody sets."""

    async def sightings(self, outcome: Outcome) -> Sightings:
        """What the sandbox shows now, after the convergence."""
        seconds = time.monotonic() - self.began
        counted: Counter[str] = Counter()
        for key, calls in self.sandbox.call_counts().items():
            counted[key.service] += calls
        seen, booted = await self.watch.look(), self._booted()
        canaries = canary_waves(outcome)
        servers = [
            RehearsedServer(
                region=sighting.server.region,
                boot_s=boot_s,
                served_after_s=self._served_after_s(member, active_at),
                canary=sighting.server.wave in canaries,
            )
            for region in seen.snapshot.regions
            for sighting in sight_region(region, self.watch.fleet, seen.now)
            if sighting.phase is Phase.SERVING and (member := sighting.member) is not None
            for boot_s, active_at in (booted[sighting.server.id],)
        ]
        return Sightings(servers=tuple(servers), calls=dict(counted), seconds=seconds)

    def _served_after_s(self, member: Member, active_at: datetime) -> float:
        """Where the balancer probes, a member is there before it answers."""
        boot = self.sandbox.config.boot
        answers_at = active_at + timedelta(seconds=boot.answer_s / self.sandbox.config.speed)
        # The balancer tells whole seconds: the member was there at the latest one second after.
        joined_at = (member.created_at or answers_at) + timedelta(seconds=1)
        return max(0.0, (max(joined_at, answers_at) - self.began_at).total_seconds())

    def _booted(self) -> dict[str, tuple[float, datetime]]:
        """By server: seconds from the accepted create to ACTIVE, and when that was.

        Nova's own answers tell whole seconds.
        """
        world = self.sandbox.world
        return self.sandbox.control(
            lambda _controls: {
                server.id: (
                    (server.launched_at - server.created).total_seconds(),
                    server.launched_at,
                )
                for region in world.regions.values()
                for server in region.servers.values()
                if server.launched_at is not None
            }
        )


@asynccontextmanager
async def rehearsal_begun(estate: Estate, settings: RehearsalSettings) -> AsyncIterator[Rehearsal]:
    """A rehearsal on a sandbox of its own, which is ended with the context, whatever happens.

    Raises:
        Misconfigured: the rehearsal's own estate is wrong.
    """
    fleet, port = estate.fleet(settings.request.fleet), free_port()
    _allow_listeners(settings.request.servers)
    sandbox = Sandbox(sandbox_of(fleet, settings, server_port=port))
    with tempfile.TemporaryDirectory(prefix="springtide-rehearsal-") as name:
        estate_file, clouds_yaml = Path(name) / "estate.yaml", Path(name) / "clouds.yaml"
        rehearsed = _written(estate, fleet_of(fleet, settings, server_port=port), estate_file)
        await asyncio.to_thread(sandbox.__enter__)
        try:
            sandbox.clouds_yaml(clouds_yaml, cloud=rehearsed.cloud)
            began_at, began = datetime.now(UTC), time.monotonic()
            access = await asyncio.to_thread(_opened, rehearsed, clouds_yaml)
            with access_lent(estate_file, access):
                observer = FleetObserver(access, rehearsed.fleets[0])
                await observer.prepare()
                watch = RehearsedWatch(estate_file, rehearsed, rehearsed.fleets[0], observer)
                await watch.prepare_launch(required=True)
                yield Rehearsal(watch, sandbox, began_at, began)
        finally:
            await asyncio.to_thread(sandbox.__exit__, None, None, None)


def _allow_listeners(servers: int) -> None:
    """Have each of so many servers listen in this process, beside what it has open.

    Raises:
        GuardRefused: the machine allows the process fewer open files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * servers + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise GuardRefused(
                f"servers: given {servers}; their listeners need {needed} open files, and the"
                f" machine allows this process {hard}"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _written(estate: Estate, fleet: Fleet, estate_file: Path) -> Estate:
    """An estate of that fleet alone, at the real one's pace, as it is read from its own file."""
    alone = Estate(
        cloud="rehearsal",
        residency=tuple(region.name for region in fleet.regions),
        fleets=(fleet,),
        rate_limit=estate.rate_limit,
        poll_interval_s=estate.poll_interval_s,
        request_timeout_s=estate.request_timeout_s,
    )
    estate_file.write_text(yaml.safe_dump(alone.model_dump(mode="json"), sort_keys=False), "utf-8")
    return read_estate(estate_file)


def _opened(estate: Estate, clouds_yaml: Path) -> CloudAccess:
    audit = AuditLog(None, run=str(flow_run.id or "no-flow-run"), who="rehearsal")
    return CloudAccess.open(estate, audit, clouds_yaml=clouds_yaml)


async def measure_cloud(order: Order) -> Measures:
    """What the real cloud has room for, and how long its servers' boots took; it is only read.

    Raises:
        GuardRefused: the credentials are refused.
    """
    report = await inspect_cloud(order)
    answering = [region.region for region in report.regions if region.servers is not None]
    futures = [list_standing.submit(name, order) for name in answering]
    found = await asyncio.gather(*(asyncio.to_thread(future.result) for future in futures))
    book, _ = await read_claims(order.at)
    notes = [note for note in book.startups if note.fleet == order.fleet]
    return measures_of(report, [server for servers in found for server in servers], notes)


@task(task_run_name="list servers of {region}", retries=2, retry_delay_seconds=2)
def list_standing(region: str, order: Order) -> tuple[Server, ...]:
    """The fleet's servers that stand in the region."""
    return cloud_access(order.estate_file).region(region).list_servers(order.fleet)


@task(task_run_name="show rehearsal of {fleet}")
async def show_rehearsal(fleet: str, rows: list[Row], summary: str) -> None:
    """Show how the surge would go."""
    await acreate_table_artifact(rows, key=f"rehearsal-{fleet}", description=summary)
