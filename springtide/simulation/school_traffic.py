"""School traffic step by step, seeded: normal evenings, flash days, and a day of lockdown.

Sessions arrive by Poisson, at a rate that is the product of the day's volume, the weekday's weight,
the share of open school zones, the step's share of the day, a lognormal factor of the day and a
gamma noise of the minute; each lasts lognormally long. What is concurrent at a step are those that
arrived before and have not ended (M/G/∞).

Source: the customer's figures (1 million short connections a day on 30 servers, 5 million long ones
on 300); plain Poisson is too smooth, hence the two noises.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

DAY = 1440
SPREAD_OF_DAYS = 0.06
FLASH_SHARE = 0.04
_NOISE_SHAPE = 25.0
"""Of the gamma noise: a fifth of a minute's rate; of longer steps it averages out."""
_LONGEST_MINUTES = 150
_MANY = 50
"""Beyond it Poisson's distribution is taken for the normal one."""
_SIGMA = 0.9

Hump = tuple[float, float, float]
"""Hour of the middle, width in hours, weight."""
EVENING: tuple[Hump, ...] = ((8.4, 1.0, 0.08), (13.5, 3.0, 0.30), (18.5, 2.0, 0.62))
"""After school."""
AT_HOME: tuple[Hump, ...] = ((10.4, 1.5, 0.34), (14.8, 2.2, 0.46), (18.8, 2.0, 0.20))
"""All lessons from home."""


@dataclass(frozen=True)
class SchoolDay:
    """What makes a day's traffic."""

    weight: float = 1.0
    """Of the weekday."""
    sessions: int = 1_000_000
    minutes: float = 4.0
    """Mean length of a session."""
    humps: tuple[Hump, ...] = EVENING
    open_zones: float = 1.0
    """Share of the three school zones that have no holidays."""


WEEKDAYS = (1.0, 1.0, 0.95, 0.45, 0.35, 0.12, 0.25)
NORMAL_WEEK = tuple(SchoolDay(weight=weight) for weight in WEEKDAYS)
LOCKDOWN = SchoolDay(sessions=5_000_000, minutes=8.0, humps=AT_HOME)


@dataclass(frozen=True)
class _Flash:
    """A day's sudden rush: from one minute, for so many, by a factor."""

    begin: int
    minutes: int
    factor: float

    def at(self, minute: int) -> float:
        inside = self.begin <= minute < self.begin + self.minutes
        return self.factor if inside else 1.0


@dataclass
class SchoolTraffic:
    """Sessions of consecutive days, step by step, the first beginning at midnight.

    The same seed, days and steps give the same figures.
    """

    days: Sequence[SchoolDay]
    seed: int
    flash_share: float = FLASH_SHARE
    step_minutes: int = 1
    """Divides a day; a year of minutes takes half a minute to draw."""
    open_sessions: list[int] = field(init=False)
    """That are open in each step."""
    arrived: list[int] = field(init=False)
    """That begin in each step."""

    def __post_init__(self) -> None:
        """Draw all of it."""
        random = Random(self.seed)  # noqa: S311 - repeatable on purpose
        steps = len(self.days) * DAY // self.step_minutes
        total = [0.0] * (steps + _LONGEST_MINUTES)
        self.arrived = []
        for day in self.days:
            staying = _staying(day.minutes, self.step_minutes)
            for arrived in _arrivals(day, random, self.flash_share, self.step_minutes):
                begin = len(self.arrived)
                self.arrived.append(arrived)
                for age, share in enumerate(staying):
                    total[begin + age] += arrived * share
        self.open_sessions = [round(x) for x in total[:steps]]


def _arrivals(day: SchoolDay, random: Random, flash_share: float, step: int) -> Iterator[int]:
    factor = random.lognormvariate(-(SPREAD_OF_DAYS**2) / 2, SPREAD_OF_DAYS)
    volume = day.sessions * day.weight * day.open_zones * factor
    flash = _Flash(random.randrange(16 * 60, 20 * 60), 45, random.uniform(1.5, 2.5))
    flashing = random.random() < flash_share
    profile = _profile(day.humps, step)
    shape = _NOISE_SHAPE * step
    for number, share in enumerate(profile):
        noise = random.gammavariate(shape, 1 / shape)
        rate = volume * share * noise * (flash.at(number * step) if flashing else 1.0)
        yield _poisson(rate, random)


def _profile(humps: Sequence[Hump], step: int) -> list[float]:
    """The share of the day's sessions that begin in each step."""
    raw = [
        0.002 + sum(w / s * math.exp(-(((m / 60 - h) / s) ** 2) / 2) for h, s, w in humps)
        for m in range(0, DAY, step)
    ]
    whole = sum(raw)
    return [share / whole for share in raw]


def _staying(mean_minutes: float, step: int) -> list[float]:
    """The share of sessions that are still open so many steps after they began."""
    mu = math.log(mean_minutes) - _SIGMA**2 / 2
    ages = (age + step / 2 for age in range(0, _LONGEST_MINUTES, step))
    return [math.erfc((math.log(age) - mu) / (_SIGMA * math.sqrt(2))) / 2 for age in ages]


def _poisson(rate: float, random: Random) -> int:
    """A Poisson variate; beyond 50 the normal one, which differs by less than the noise."""
    if rate > _MANY:
        return max(0, round(random.gauss(rate, math.sqrt(rate))))
    limit, product, count = math.exp(-rate), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count
