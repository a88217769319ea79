"""How long servers take from their creation until they serve, as it was measured."""

from typing import Annotated

from pydantic import Field

from springtide.model.base import Key, Model, Moment, Name

MOST_SERVERS = 200
"""Of one note: a store of variables takes 5,000 characters."""
Elapsed = Annotated[int, Field(ge=0, le=86_400)]


class ServerStartup(Model):
    """One server's way, in whole seconds since its creation was accepted."""

    active_s: Elapsed
    """Until Nova called it ACTIVE, by Nova's own clock."""
    answering_s: Elapsed
    """Until a look first saw it answer or serve."""
    serving_s: Elapsed
    """Until a look first saw it serve."""


class StartupNote(Model):
    """What one run has seen of servers that came to serve in one region; a column each.

    Losing it costs nothing but a worse estimate.
    """

    key: Key
    fleet: Name
    region: str
    image_id: str
    at: Moment
    active_s: Annotated[tuple[Elapsed, ...], Field(min_length=1, max_length=MOST_SERVERS)]
    answering_s: Annotated[tuple[Elapsed, ...], Field(min_length=1, max_length=MOST_SERVERS)]
    serving_s: Annotated[tuple[Elapsed, ...], Field(min_length=1, max_length=MOST_SERVERS)]
    until: Moment


class RegionStartup(Model):
    """How long servers of one region take until they serve."""

    region: str
    servers: int
    """How many were measured."""
    half_s: int
    """Within so many seconds of its creation half of them served."""
    most_s: int
    """Within so many 95 % of them did."""
