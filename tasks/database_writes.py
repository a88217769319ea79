"""Whether somebody takes writes while a cluster's primary changes: looked at all the while."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from springtide.clouds.patroni.database import Databases
from springtide.errors import SpringtideError
from springtide.model.cluster_view import WriteLook
from springtide.model.database_plan import Step, StepKind

_POLL_S = 0.2
_LONGEST_S = 2.0
"""Who has not answered by then takes no writes as far as a client is concerned."""
_STOPS_WRITES = frozenset({StepKind.SWITCHOVER, StepKind.IN_PLACE})


@asynccontextmanager
async def looking_on(
    databases: Databases, members: Sequence[str], *, step: Step, looks: list[WriteLook]
) -> AsyncIterator[None]:
    """Add looks at all members while the step goes on; none where it stops no writes."""
    if step.kind not in _STOPS_WRITES:
        yield
        return
    ending = asyncio.Event()
    watching = asyncio.create_task(_look_on(databases, members, looks, ending))
    try:
        yield
    finally:
        ending.set()
        await watching


async def _look_on(
    databases: Databases, members: Sequence[str], looks: list[WriteLook], ending: asyncio.Event
) -> None:
    """Look again and again, and once more at the end."""
    ended = False
    while not ended:
        ended = ending.is_set()
        asked = time.monotonic()
        found = await asyncio.gather(*(_takes_writes(databases, name) for name in members))
        looks.append(WriteLook(asked_s=asked, answered_s=time.monotonic(), took_writes=any(found)))
        if not ended:
            await asyncio.sleep(_POLL_S)


async def _takes_writes(databases: Databases, member: str) -> bool:
    try:
        return await asyncio.wait_for(databases.takes_writes(member), _LONGEST_S)
    except (SpringtideError, TimeoutError):
        return False
