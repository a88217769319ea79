"""The eyes of a flow: looks at the cloud and the stored claims; it stores notes and no more."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from springtide.clouds.observer import FleetObserver
from springtide.errors import Misconfigured
from springtide.estate import school_holidays
from springtide.model.claim import Claim, ClaimBook
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.snapshot import Observation
from springtide.model.window import Evening
from springtide.planning.claim_book import Note
from springtide.planning.deciding import Decider
from springtide.planning.own_orders import OwnOrder, OwnOrders
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.startup_times import Startups
from springtide.pricing.lives import Lives
from tasks.claims import read_claims, remember_note
from tasks.cloud import Order, cloud_access, present_of, read_estate


@dataclass
class FleetWatch:
    """One flow's view of one fleet, from its first look to its last."""

    estate_file: Path
    estate: Estate
    fleet: Fleet
    observer: FleetObserver
    lives: Lives = field(default_factory=Lives)
    startups: Startups = field(init=False)
    over: tuple[str, ...] = ()
    """Names of the fleet's stored entries that have ended, as of the last look."""
    last: Observation | None = None
    """What the last look showed."""
    last_book: ClaimBook | None = None
    """The last book that could be read whole."""
    own: OwnOrders = field(default_factory=OwnOrders)
    """What this run has stored."""

    def __post_init__(self) -> None:
        """Nobody was seen to start yet."""
        self.startups = Startups(self.fleet)

    def decider(self, run: str) -> Decider:
        """What decides for this fleet; the head of the run's id marks its waves."""
        calendar = SchoolCalendar(school_holidays(self.estate, self.estate_file))
        return Decider(self.fleet, self.estate.windows_of(self.fleet.name), calendar, run[:8])

    def now(self) -> datetime:
        """The present; in a rehearsal the sandbox's."""
        return present_of(self.estate)

    def order(self) -> Order:
        """Whose actions the tasks carry out, as of now."""
        return Order(estate_file=self.estate_file, fleet=self.fleet.name, at=self.now())

    async def look(self) -> Observation:
        """Servers, members and stored claims as they stand."""
        now = self.now()
        snapshot = await self.observer.look(now)
        self.lives.see(snapshot)
        self.startups.see(snapshot)
        self.last = Observation(now=now, snapshot=snapshot, book=await self.read_book(now))
        return self.last

    async def read_book(self, now: datetime) -> ClaimBook:
        """What is stored; while it cannot be read, what was last read, with the trouble told."""
        book, over = await read_claims(now)
        self.over = tuple(name for name, fleet in over.items() if fleet == self.fleet.name)
        if book.trouble is None:
            self.last_book, self.own = book, self.own.held_against(book, now)
            return book
        known = self.last_book or book
        return self.own.added_to(known.model_copy(update={"trouble": book.trouble}))

    async def claims_of(self, evening: Evening | None) -> tuple[Claim, ...]:
        """The fleet's stored claims since the evening began, those that are over by now as well."""
        if evening is None:
            return ()
        book, _ = await read_claims(evening.claim_starts_at)
        return tuple(claim for claim in book.claims if claim.fleet == self.fleet.name)

    def count(self, order: OwnOrder) -> None:
        """Have an order that this run has stored count, until the store says otherwise."""
        self.own = self.own.with_stored(order)

    async def remember(self, note: Note) -> None:
        """Store what was learnt, for the runs to come; a rehearsal's watch forgets it."""
        await remember_note(note)

    async def prepare_launch(self, *, required: bool) -> bool:
        """Find image, flavour, networks and room; whether that was news to this run.

        Raises:
            Misconfigured: one is missing and `required`; else the looks tell it, for a fleet that
                cannot be launched can still be taken down, and other regions may only be late.
        """
        if self.observer.launchable:
            return False
        try:
            return await self.observer.prepare_launch()
        except Misconfigured:
            if required:
                raise
            return True


async def open_watch(estate_file: Path, fleet_name: str, *, whole: bool = False) -> FleetWatch:
    """A watch over the fleet; where it need not be `whole`, a region without its pool is told.

    Raises:
        Misconfigured: estate, fleet or credentials are wrong, or a pool where all are needed.
        GuardRefused: a region is outside the residency.
    """
    estate = read_estate(estate_file)
    fleet = estate.fleet(fleet_name)
    observer = FleetObserver(cloud_access(estate_file), fleet)
    try:
        await observer.prepare()
    except Misconfigured:
        if whole:
            raise
    return FleetWatch(estate_file, estate, fleet, observer)
