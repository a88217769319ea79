"""What a person may ask of a rollout: which image, how fast, and why not now."""

import math
from datetime import timedelta

from pydantic import ValidationError

from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.claim import Rollout
from springtide.model.fleet import Fleet
from springtide.model.mistakes import mistakes
from springtide.model.outcome import UNTOUCHED, Outcome
from springtide.model.snapshot import FleetSnapshot
from springtide.model.surge import LONGEST_HOURS
from springtide.planning.image_choice import halt_of, rollout_now
from springtide.planning.round_input import RoundInput

PREVIOUS = "previous"
"""Stands for the image before the newest one that a server of the fleet has."""
_SURGE_SHARE = 0.1


def rollout_order(
    given: RoundInput, snapshot: FleetSnapshot, *, asked: dict[str, object]
) -> Rollout:
    """The rollout that is asked for; it ends by itself. What its run has stored before is it.

    `asked` are `key`, `image`, `hours`, `owner`, `reason`, `max_unavailable` and `max_surge`, which
    is a tenth of the desired size where it is None.

    Raises:
        GuardRefused: a field is wrong, or a region has not got the image.
    """
    if (stored := _stored_before(given, asked)) is not None:
        return stored
    hours = float(str(asked["hours"]))
    if not 0 < hours <= LONGEST_HOURS:
        raise GuardRefused(f"hours {hours:g} is outside: above 0, at most {LONGEST_HOURS:g}")
    image = image_asked_for(snapshot, str(asked["image"] or ""), fleet=given.fleet)
    surge = asked["max_surge"]
    if surge is None:
        surge = max(1, math.ceil(_SURGE_SHARE * given.desired.servers))
    wanted = {
        **{field: asked[field] for field in ("key", "owner", "reason", "max_unavailable")},
        "fleet": given.fleet.name,
        "image": image,
        "max_surge": surge,
        "starts_at": given.now,
        "ends_at": given.now + timedelta(hours=hours),
    }
    try:
        return Rollout.model_validate(wanted)
    except ValidationError as error:
        raise GuardRefused("; ".join(mistakes(error, Rollout))) from error


def image_asked_for(snapshot: FleetSnapshot, asked: str, *, fleet: Fleet) -> str:
    """The name of an image that every region of the fleet has; empty: the newest such.

    Raises:
        GuardRefused: a region has not got it, or cannot be read; the message says what is there.
    """
    for region in snapshot.regions:
        if why := region.trouble or region.launch_trouble:
            raise GuardRefused(f"image: {region.region} cannot be read: {why}")
        if asked not in ("", PREVIOUS) and asked not in {i.name for i in region.images}:
            there = ", ".join(i.name for i in region.images) or "none"
            raise GuardRefused(
                f"image: {region.region} has no active {asked!r} that matches {fleet.image}"
                f" (there: {there}); distribute_image copies images"
            )
    if asked not in ("", PREVIOUS):
        return asked
    made = _made_at(snapshot)
    newest_first = sorted(made, key=lambda name: (made[name], name), reverse=True)
    found = _before_those_in_use(snapshot, newest_first) if asked == PREVIOUS else newest_first
    if not found:
        there = ", ".join(newest_first) or "none"
        raise GuardRefused(f"image: no such image is in every region (in all of them: {there})")
    return found[0]


def rollout_limitation(order: Rollout, given: RoundInput) -> str | None:
    """Why the rollout is not begun now; None where it may be."""
    last = rollout_now(given.book, order.fleet, given.now)
    if last is not None and last.starts_at > order.starts_at:
        return (
            f"a rollout of {last.image} was ordered since, at {last.starts_at:%H:%M %Z} by"
            f" {last.owner}: start a new run"
        )
    if (halt := halt_of(given.book, order.fleet, order.image, given.now)) is not None:
        return (
            f"the rollout of {order.image} was halted: {halt.reason}; when that is mended, lift"
            f" springtide_halt_{halt.key}"
        )
    desired, most = given.desired.servers, given.fleet.max_servers
    if desired >= most and order.max_unavailable == 0:
        return (
            f"{desired} desired are max_servers {most}: there is no room for one more; give"
            f" max_unavailable, or wait ({'; '.join(given.desired.reasons)})"
        )
    batch = timedelta(seconds=given.fleet.timeouts.turn_s)
    if desired and given.falls_at and given.falls_at - given.now < batch:
        return (
            f"from {given.falls_at:%H:%M %Z} on fewer are desired, sooner than a batch serves; the"
            " next servers get the newest image anyway"
        )
    return None


def rollout_patience_s(order: Rollout, given: RoundInput) -> float:
    """How long the run goes on, in seconds: a canary, then every batch to its end."""
    step = max(1, order.max_surge + order.max_unavailable)
    batches = 1 + math.ceil(given.desired.servers / step)
    return min(batches * given.fleet.timeouts.turn_s, (order.ends_at - given.now).total_seconds())


def unfinished_rollout(outcome: Outcome) -> str | None:
    """Why some servers still have another image; None where none has."""
    last = outcome.last
    if outcome.ending in UNTOUCHED or not (last.outdated or outcome.alarms):
        return None
    return last.rollout


def _stored_before(given: RoundInput, asked: dict[str, object]) -> Rollout | None:
    """What the same run, now retried, has stored: what is newest or previous may be another now."""
    its_own = ("key", "owner", "reason")
    found = (r for r in given.book.rollouts if all(getattr(r, f) == asked[f] for f in its_own))
    return next(found, None)


def _made_at(snapshot: FleetSnapshot) -> dict[str, Moment]:
    """When each image was made of whose name every region has one: its first copy, by its name.

    Glance dates a copy by when it was made, so regions do not date one image alike.
    """
    dated = [
        {i.name: i.created_at for i in sorted(region.images, key=lambda i: (i.created_at, i.id))}
        for region in snapshot.regions
    ]
    common = set.intersection(*(set(each) for each in dated)) if dated else set()
    return {name: min(each[name] for each in dated) for name in common}


def _before_those_in_use(snapshot: FleetSnapshot, newest_first: list[str]) -> list[str]:
    """Those before the newest that a server has, the newest first.

    Where nothing stands the newest of all is taken for the one in use; where no server's image is
    among them (a bad one was deactivated, as it should be), all of them are before it.

    Raises:
        GuardRefused: some servers' images are among them and others' are not.
    """
    names = {i.id: i.name for region in snapshot.regions for i in region.images}
    used = {names.get(s.image_id) for region in snapshot.regions for s in region.servers}
    if not used:
        return newest_first[1:]
    known = [place for place, name in enumerate(newest_first) if name in used]
    if not known:
        return newest_first
    if not used.issubset(newest_first):
        there = ", ".join(newest_first)
        raise GuardRefused(
            "image: what is before is not clear: servers have an image that is not active"
            f" everywhere, others one that is; name one (in all of them: {there})"
        )
    return newest_first[known[0] + 1 :]
