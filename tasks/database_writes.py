"""Whether somebody takes writes while a cluster's primary changes: looked at all the while."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from springtide.clouds.patroni.database import Databases
from springtide.errors import SpringtideError
from springtide.model.cluster_view import WriteLook
from springtide.model.database_plan import Step, StepKind

_POLL_S = 0.2
_STOPS_WRITES = frozenset({StepKind.SWITCHOVER, StepKind.IN_PLACE})


@asynccontextmanager
async def looking_on(
    databases: Databases, members: Iterable[str], *, step: Step, looks: list[WriteLook]
) -> AsyncIterator[None]:
    """Add looks at all members while the step goes on; none where it stops no writes."""
    watched = members if step.kind in _STOPS_WRITES else ()
    ending = asyncio.Event()
    watching = [asyncio.create_task(_look(databases, name, looks, ending)) for name in watched]
    try:
        yield
    finally:
        ending.set()
        await asyncio.gather(*watching)


async def _look(
    databases: Databases, member: str, looks: list[WriteLook], ending: asyncio.Event
) -> None:
    """Look again and again, and once more at the end."""
    ended = False
    while not ended:
        ended = ending.is_set()
        asked = time.monotonic()
        took = False
        with suppress(SpringtideError):
            took = await databases.takes_writes(member)
        looks.append(WriteLook(asked_s=asked, answered_s=time.monotonic(), took_writes=took))
        if not ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), _POLL_S)
