"""The process's access to the cloud: opened once, one token for all regions and tasks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

from prefect import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from springtide.clouds.audit import AuditLog, worker_name
from springtide.clouds.clock import present
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.performing import perform
from springtide.estate import load_estate, user_data
from springtide.model.base import Model, Moment, Name
from springtide.model.estate import Estate
from springtide.model.plan import Action, ActionResult, Launch, Verdict

read_estate = cache(load_estate)
_lent: dict[Path, CloudAccess] = {}
_ODD = re.compile(r"[^A-Za-z0-9._-]")
"""What a machine may be called by, and a chain of the audit log not."""


class EstateOrder(Model):
    """Which estate it is about."""

    estate_file: Path

    @property
    def estate(self) -> Estate:
        """The estate, read once in this process."""
        return read_estate(self.estate_file)


class Order(EstateOrder):
    """Whose action it is, and when it was decided."""

    fleet: Name
    at: Moment


def order_for(estate_file: Path, fleet: str) -> Order:
    """An order for that fleet, as of now.

    Raises:
        Misconfigured: the estate is wrong, or has no such fleet.
    """
    estate = read_estate(estate_file)
    return Order(estate_file=estate_file, fleet=estate.fleet(fleet).name, at=present_of(estate))


def present_of(estate: Estate) -> datetime:
    """The present; in a rehearsal the sandbox's."""
    return present(estate)


@contextmanager
def access_lent(estate_file: Path, access: CloudAccess) -> Iterator[None]:
    """Have that access be the estate file's, instead of its own, for as long as the context lasts.

    For rehearsals: their cloud is in no clouds.yaml, and their changes are in no audit log.
    """
    _lent[estate_file] = access
    try:
        yield
    finally:
        del _lent[estate_file]


def cloud_access(estate_file: Path) -> CloudAccess:
    """The access that the estate file describes; every change goes to its audit log.

    Raises:
        Misconfigured: the cloud is not in clouds.yaml, or its credentials are refused.
    """
    return _lent.get(estate_file) or _opened(estate_file)


@cache
def _opened(estate_file: Path) -> CloudAccess:
    estate = read_estate(estate_file)
    return CloudAccess.open(estate, open_audit(estate))


def open_audit(estate: Estate, approved_by: tuple[str, ...] = ()) -> AuditLog:
    """The audit log of the flow run on this worker: on another one it has another chain.

    Where the environment names no folder changes are logged only, or refused if the estate keeps
    an audit log.
    """
    run = f"{flow_run.id or 'no-flow-run'}.{_ODD.sub('-', worker_name())[:80]}"
    who = str(flow_run.flow_name or "springtide")
    return AuditLog.of(estate, run=run, who=who, approved_by=approved_by)


def carry_out(action: Action, order: Order) -> State[ActionResult]:
    """Perform the action; its state in the UI says what became of it: Completed, Later or Failed.

    `Later` is no failure: the cloud refuses for now, and the next round plans it again.
    """
    fleet = order.estate.fleet(order.fleet)
    data = user_data(fleet, order.estate_file) if isinstance(action, Launch) else None
    cloud = cloud_access(order.estate_file).region(action.region)
    result = perform(cloud, fleet, action, at=order.at, user_data=data)
    match result.verdict:
        case Verdict.DONE:
            return Completed(message=result.detail, data=result)
        case Verdict.LATER:
            return Completed(name="Later", message=result.detail, data=result)
        case Verdict.FAILED:
            return Failed(message=result.detail, data=result)
