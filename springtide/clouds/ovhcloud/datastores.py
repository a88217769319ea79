"""The provider's side of datastores: what there is, what is under way, and an order.

Source: OVHcloud API, `/dedicatedCloud`, schemas of `dedicatedCloud.Task` and `Filer`. An order has
no idempotency key: it is sent once, and whoever sends it again buys twice.
"""

import os
from collections.abc import Mapping
from typing import Any, Self

from ovh import Client
from ovh.exceptions import APIError

from springtide.clouds.audit import AuditLog
from springtide.clouds.ovhcloud.opening import open_client
from springtide.clouds.ovhcloud.translation import translate
from springtide.errors import SpringtideError
from springtide.model.core import DatastoreOrders
from springtide.model.datastore_extension import Filer, ProviderTask, ProviderView

_OPEN_STATES = (
    *("toCreate", "todo", "doing", "fixing"),
    *("toCancel", "waitingForChilds", "waitingTodo", "unknown"),
)
"""Of a task that has not ended; they are asked for one by one.

Source: OVHcloud API, `dedicatedCloud.TaskStateEnum`.
"""
_ENDED_WELL = "done"
_ENDED_BADLY = ("error", "canceled")
"""Whatever is none of these three has not ended, a state that comes to be later on, too."""


class ProviderDatastores:
    """The datastores of one private cloud at the provider."""

    def __init__(self, orders: DatastoreOrders, client: Client, audit: AuditLog) -> None:
        """Nothing is sent yet."""
        self._orders = orders
        self._client = client
        self._audit = audit
        self._path = f"/dedicatedCloud/{orders.service}/datacenter/{orders.datacenter}"

    @classmethod
    def open(
        cls,
        orders: DatastoreOrders,
        audit: AuditLog,
        *,
        timeout_s: float,
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Those that the estate names.

        Raises:
            Misconfigured: a credential is not in the environment, or the endpoint is unknown.
        """
        client = open_client(
            orders, timeout_s=timeout_s, field="core.datastore_orders", environment=environment
        )
        return cls(orders, client, audit)

    def look(self) -> ProviderView:
        """What there is, what is under way, and what can be ordered."""
        return ProviderView(
            filers=self.filers(),
            under_way=self._under_way(),
            profiles=tuple(sorted(each["name"] for each in self._get("/orderableFilerProfiles"))),
        )

    def filers(self) -> tuple[Filer, ...]:
        """The datastores that there are."""
        found = [self._get(f"/filer/{id_}") for id_ in self._get("/filer")]
        return tuple(
            Filer(id=each["filerId"], name=each["name"], state=str(each.get("state", "")))
            for each in found
        )

    def task(self, id_: int) -> ProviderTask:
        """That task, as it stands."""
        return _task(self._get(f"/task/{id_}"))

    def order(self, *, why: str) -> ProviderTask:
        """Order one datastore of the estate's profile: it is bought with this call.

        Raises:
            ReplyLost: it may have been ordered. Look before anything else, and never repeat it.
        """
        path = f"{self._path}/orderNewFilerHourly"
        with self._audit.change(
            "POST",
            path,
            region=self._orders.service,
            service="ovhcloud",
            why=why,
            values={"datastores": (None, self._orders.profile)},
        ) as act:
            try:
                answer = self._client.post(path, name=self._orders.profile)
                task = _task(answer)
            except (APIError, KeyError, TypeError, ValueError) as error:
                trouble = translate(error, what="order of a datastore", changing=True)
                act.result = f"{type(trouble).__name__}: {trouble}"
                raise trouble from error
            act.request_id, act.result = str(task.id), "ordered"
        return task

    def _under_way(self) -> tuple[ProviderTask, ...]:
        """Open tasks that are about a datastore, by what they name or what they are called."""
        ids = {id_ for state in _OPEN_STATES for id_ in self._get("/task", state=state)}
        tasks = [_task(self._get(f"/task/{id_}")) for id_ in sorted(ids)]
        about = [t for t in tasks if t.filer_id is not None or "filer" in t.name.lower()]
        return tuple(task for task in about if not _ended(task))

    def _get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        what = f"GET {path.partition('/')[2].partition('/')[0]}"
        try:
            return self._client.get(f"{self._path}{path}", **query)
        except APIError as error:
            raise translate(error, what=what, changing=False) from error


def delivered(task: ProviderTask) -> bool:
    """Whether what was ordered by the task is there.

    Raises:
        SpringtideError: it has ended otherwise.
    """
    if task.state in _ENDED_BADLY:
        raise SpringtideError(f"the provider's task {task.id} ({task.name}) ended: {task.state}")
    return _ended(task)


def _ended(task: ProviderTask) -> bool:
    return task.state in (_ENDED_WELL, *_ENDED_BADLY)


def _task(answer: Mapping[str, Any]) -> ProviderTask:
    return ProviderTask(
        id=answer["taskId"],
        name=str(answer.get("name") or ""),
        state=str(answer["state"]),
        filer_id=answer.get("filerId"),
    )
