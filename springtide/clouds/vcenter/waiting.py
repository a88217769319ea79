"""Waiting for vCenter: one property collector for each wait, one deadline, and progress meanwhile.

pyVmomi's own waiter knows no deadline and fetches whole tasks, which some servers' tasks break.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from pyVmomi import vim, vmodl

from springtide.clouds.vcenter.reading import by_id
from springtide.clouds.vcenter.session import Session
from springtide.clouds.vcenter.translation import translate
from springtide.errors import DeadlinePassed

Progress = Callable[[int], None]
"""Told the percentage when it moves."""

_LONGEST_ASK_S = 10
"""Less than the least `call_timeout_s`; the wait goes on with the next ask."""
_TASK = ("info.state", "info.progress", "info.result", "info.error")


def nobody(_: int) -> None:
    """Take no notice of the progress."""


class Wait:
    """Watches some properties of one object until they are as wanted or time is up."""

    def __init__(self, session: Session, *, deadline_s: float, what: str) -> None:
        """The clock runs from here on."""
        self._session = session
        self._until = time.monotonic() + deadline_s
        self._deadline_s = deadline_s
        self._what = what

    def until(
        self,
        watched: tuple[type, str],
        paths: Sequence[str],
        done: Callable[[dict[str, Any]], bool],
    ) -> dict[str, Any]:
        """The properties, once `done` says so of them; `watched` is the object's type and id.

        Raises:
            DeadlinePassed: time is up.
            SpringtideError: as the table says.
        """
        while True:
            # A session that ended takes its collectors along: the next one begins anew.
            found = self._session.call(
                lambda content: self._watch(content, watched, (paths, done)), what=self._what
            )
            if found is not None:
                return found

    def _watch(
        self,
        content: Any,  # noqa: ANN401 - pyVmomi's objects have no types
        watched: tuple[type, str],
        wanted: tuple[Sequence[str], Callable[[dict[str, Any]], bool]],
    ) -> dict[str, Any] | None:
        kind, id_ = watched
        paths, done = wanted
        seen: dict[str, Any] = {}
        collector = content.propertyCollector.CreatePropertyCollector()
        try:
            watching = _filter(by_id(content, kind, id_), kind, paths)
            collector.CreateFilter(watching, partialUpdates=False)
            version = ""
            while True:
                options = vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=self._ask_s())
                update = collector.WaitForUpdatesEx(version, options)
                if update is None:
                    continue
                version = update.version
                seen |= _changes(update)
                if done(seen):
                    return seen
        finally:
            collector.DestroyPropertyCollector()

    def _ask_s(self) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise DeadlinePassed(f"vCenter: {self._what}: not done after {self._deadline_s:g} s")
        # Whole seconds: 0 would ask without waiting, and be a busy loop.
        return max(1, min(_LONGEST_ASK_S, round(left)))


def wait_for_task(
    session: Session, id_: str, *, deadline_s: float, what: str, progress: Progress = nobody
) -> None:
    """Return when that task has succeeded.

    Raises:
        DeadlinePassed: it is under way still.
        SpringtideError: it failed, as the table says.
    """

    def done(seen: dict[str, Any]) -> bool:
        if seen.get("info.progress") is not None:
            progress(int(seen["info.progress"]))
        return seen.get("info.state") in ("success", "error")

    wait = Wait(session, deadline_s=deadline_s, what=what)
    seen = wait.until((vim.Task, id_), _TASK, done)
    if seen["info.state"] == "error":
        raise translate(seen["info.error"], what=what, changing=True)


def _filter(watched: Any, kind: type, paths: Sequence[str]) -> Any:  # noqa: ANN401 - as above
    query = vmodl.query.PropertyCollector
    return query.FilterSpec(
        objectSet=[query.ObjectSpec(obj=watched, skip=False)],
        propSet=[query.PropertySpec(type=kind, pathSet=list(paths), all=False)],
    )


def _changes(update: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    return {
        change.name: change.val
        for one in update.filterSet
        for thing in one.objectSet
        for change in thing.changeSet
    }
