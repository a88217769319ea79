"""What was claimed in the past, as the runs tell that stored, lengthened and lifted claims.

As an operator reads it: a surge begins when its run stored its claim, which may be a day after the
run began where it waited for its approval, and lasts as long as it was asked for, and as
`extend_claim` added, unless `lift_entry` ended it earlier. A run that stored nothing (a dry run, a
refused one, one that found its claim standing) claimed nothing. An opening with a number of its own
makes its evening as large.

Example: a surge of 300 for six hours, stored at 14:00 and made three hours longer, is one from
14:00 to 23:00.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from springtide.model.claim import Claim, ClaimKind, longer_key, surge_key
from springtide.model.surge import LONGEST_HOURS
from springtide.model.window import Evening
from springtide.planning.claim_book import PREFIX
from springtide.planning.evening_orders import belongs_to

MAY_LAST = timedelta(hours=LONGEST_HOURS + 24)
"""From a surge's run until its claim's end: a day for its approval, and its hours."""
_CLAIM = f"{PREFIX}claim_"


@dataclass(frozen=True)
class ClaimRun:
    """A run that stored a claim, or lifted one."""

    ident: str
    name: str
    given: Mapping[str, Any]
    """Its parameters."""
    at: datetime
    """When it did."""


def surges_claimed(
    surges: Sequence[ClaimRun], changes: Iterable[ClaimRun] = ()
) -> tuple[Claim, ...]:
    """The claims of the surges, each as long as it lasted, the earliest first.

    `changes` are runs that lengthened a claim, by hours, or lifted it; those of other claims count
    for nothing.
    """
    found: list[_Surge] = []
    by_key: dict[str, _Surge] = {}
    asking = {run.ident: _claim(run) for run in surges}
    for run in sorted((*surges, *changes), key=lambda each: each.at):
        if (claim := asking.get(run.ident)) is not None:
            found.append(_Surge(claim, {claim.key: claim.ends_at}))
            by_key[claim.key] = found[-1]
            continue
        key = str(run.given["name"]).removeprefix(_CLAIM)
        if (surge := by_key.get(key)) is not None:
            by_key[surge.change(key, run)] = surge
    return tuple(surge.lasted for surge in found if surge.ends_at > surge.claim.starts_at)


def with_orders(evenings: Iterable[Evening], openings: Sequence[ClaimRun]) -> tuple[Evening, ...]:
    """The evenings, each with the most servers that an opening of it has ordered."""
    return tuple(
        evening.model_copy(update={"servers": max(evening.servers, _ordered(evening, openings))})
        for evening in evenings
    )


@dataclass(frozen=True)
class _Surge:
    """A surge, and when its claim ends and those that took over from it, by their keys."""

    claim: Claim
    ends: dict[str, datetime]

    @property
    def ends_at(self) -> datetime:
        return max(self.ends.values())

    @property
    def lasted(self) -> Claim:
        return self.claim.model_copy(update={"ends_at": self.ends_at})

    def change(self, key: str, run: ClaimRun) -> str:
        """Note what the run did to the claim of that key; the key of the claim that it left."""
        if "hours" not in run.given:
            self.ends[key] = min(self.ends[key], run.at)
            return key
        longer = longer_key(key, run.ident)
        self.ends[longer] = self.ends[key] + timedelta(hours=float(run.given["hours"]))
        return longer


def _claim(run: ClaimRun) -> Claim:
    return Claim(
        key=surge_key(run.given.get("key") or run.ident),
        fleet=run.given["fleet"],
        kind=ClaimKind.SURGE,
        servers=run.given["servers"],
        starts_at=run.at,
        ends_at=run.at + timedelta(hours=float(run.given["hours"])),
        owner=f"flow run {run.name}"[:200],
        reason=run.given["reason"],
    )


def _ordered(evening: Evening, openings: Iterable[ClaimRun]) -> int:
    own = (int(run.given["servers"]) for run in openings if belongs_to(evening, run.at))
    return max(own, default=0)
