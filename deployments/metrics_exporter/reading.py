"""What the exporter tells, read again and again beside the scrapes: none waits for a slow region.

The cloud is asked for two listings a region and for nothing else: no server is probed, so servers
that answer and those that do not yet are alike `launching`. Prefect is asked for what is stored,
for the last runs and for what the last sweep has shown.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from springtide.clouds.clock import present
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.prefect_server import PrefectServer, open_prefect
from springtide.errors import SpringtideError
from springtide.estate import school_holidays
from springtide.model.api_calls import CallCount
from springtide.model.base import Model
from springtide.model.claim import ClaimBook
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.glance import FleetGlance, FlowRun, ShownTable
from springtide.model.snapshot import FleetSnapshot, Observation, RegionSnapshot
from springtide.planning.claim_book import PREFIX, read_book
from springtide.planning.deciding import Decider
from springtide.planning.school_calendar import SchoolCalendar

log = logging.getLogger(__name__)
_MOST_RUNS = 30
"""Of a fleet: enough that the last one of each of its flows is among them."""


class Reading(Model):
    """How all fleets stood at one moment."""

    book: ClaimBook
    glances: tuple[FleetGlance, ...]
    leftovers: ShownTable | None
    prefect_answers: bool
    at: float
    """When it was over, in seconds of the epoch."""
    seconds: float
    """How long it took to read."""


class Reader:
    """Reads cloud and Prefect; scrapes are given the last reading."""

    def __init__(
        self,
        estate_file: Path,
        estate: Estate,
        open_access: Callable[[], CloudAccess],
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Nothing is called yet; `environment` names Prefect's API."""
        self._environment = environment
        self._estate = estate
        self._calendar = SchoolCalendar(school_holidays(estate, estate_file))
        self._now = partial(present, estate)
        self._open_access = open_access
        self._access: CloudAccess | None = None
        self._lock = threading.Lock()
        self.last: Reading | None = None
        """None: there was none yet."""

    def keep_reading(self, ended: threading.Event, *, every_s: float) -> None:
        """Read until `ended`; what fails is logged, and the last reading ages."""
        while not ended.is_set():
            try:
                self.read()
            except SpringtideError as error:
                log.warning("reading=failed why=%s", error)
            ended.wait(every_s)

    def read(self) -> Reading:
        """A new reading, which is the last one from now on.

        Raises:
            SpringtideError: the rehearsal's clock does not tell the time.
        """
        self.last = asyncio.run(self._fresh())
        return self.last

    def calls_taken(self) -> tuple[CallCount, ...]:
        """The exporter's own calls since this was last asked."""
        return () if self._access is None else self._access.calls.taken()

    async def _fresh(self) -> Reading:
        began, now = time.monotonic(), self._now()
        runs: dict[str, tuple[FlowRun, ...]] = {}
        book, leftovers, answers = ClaimBook(trouble="PREFECT_API_URL is not set"), None, False
        try:
            async with open_prefect(self._environment) as prefect:
                if prefect is not None:
                    book = read_book(await prefect.entries(PREFIX), now)[0]
                    leftovers = await prefect.shown("leftovers")
                    runs = {f.name: await _runs(prefect, f) for f in self._estate.fleets}
                    answers = True
        except SpringtideError as error:
            book = ClaimBook(trouble=str(error))
            log.warning("prefect=unread why=%s", error)
        glances = [await self._glance(f, book, now) for f in self._estate.fleets]
        return Reading(
            book=book,
            glances=tuple(
                g.model_copy(update={"runs": runs.get(g.plan.fleet, ())}) for g in glances
            ),
            leftovers=leftovers,
            prefect_answers=answers,
            at=time.time(),
            seconds=time.monotonic() - began,
        )

    async def _glance(self, fleet: Fleet, book: ClaimBook, now: datetime) -> FleetGlance:
        looks = (asyncio.to_thread(self._region, region.name, fleet) for region in fleet.regions)
        snapshot = FleetSnapshot(
            fleet=fleet.name, at=now, regions=tuple(await asyncio.gather(*looks))
        )
        observation = Observation(now=now, snapshot=snapshot, book=book)
        decider = Decider(fleet, self._estate.windows_of(fleet.name), self._calendar, "metrics")
        return FleetGlance(plan=decider.plan(observation), observation=observation)

    def _region(self, name: str, fleet: Fleet) -> RegionSnapshot:
        """The region's servers and members; what cannot be read is told."""
        try:
            cloud = self._opened().region(name)
            servers, members = cloud.list_servers(fleet.name), cloud.list_members(fleet)
        except SpringtideError as error:
            log.warning("region=%s unread why=%s", name, error)
            return RegionSnapshot(region=name, trouble=str(error))
        return RegionSnapshot(region=name, servers=servers, members=members)

    def _opened(self) -> CloudAccess:
        """The one access, for all regions' threads."""
        with self._lock:
            if self._access is None:
                self._access = self._open_access()
            return self._access


async def _runs(prefect: PrefectServer, fleet: Fleet) -> tuple[FlowRun, ...]:
    return await prefect.last_runs(fleet.name, most=_MOST_RUNS)
