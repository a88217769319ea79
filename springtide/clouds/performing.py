"""Carries out one planned action in its region, and tells what became of it.

An action that the cloud refuses for now (busy balancer, rate, quota, lost reply) is not repeated
here: the next round looks again and plans it anew, which is the retry.
"""

from datetime import datetime
from typing import NamedTuple, assert_never

from springtide.clouds.openstack.region import RegionCloud
from springtide.clouds.openstack.servers import DeleteReceipt, LaunchReceipt
from springtide.errors import CapacityExhausted, Retryable, SpringtideError
from springtide.model.fleet import Fleet
from springtide.model.plan import (
    Action,
    ActionResult,
    Delete,
    Drain,
    Join,
    Launch,
    Leave,
    Mark,
    Reboot,
    Verdict,
)


class _Done(NamedTuple):
    """What was done."""

    servers: int
    """How many servers or members were changed."""
    detail: str
    refused: SpringtideError | None = None
    """Why not all of them were."""


def perform(
    cloud: RegionCloud, fleet: Fleet, action: Action, *, at: datetime, user_data: str | None = None
) -> ActionResult:
    """The result of the action; no error of the cloud escapes it.

    `at` is written on members that are drained and on servers that are checked or rebooted;
    `user_data` goes to new servers.
    """
    try:
        done = _done(cloud, fleet, action, at=at, user_data=user_data)
    except CapacityExhausted as error:
        kind = "quota" if error.kind == "quota" else "hosts"
        return ActionResult(action=action, verdict=Verdict.LATER, detail=str(error), exhausted=kind)
    except SpringtideError as error:
        return ActionResult(action=action, verdict=_verdict(error), detail=str(error))
    return ActionResult(
        action=action, verdict=_verdict(done.refused), detail=done.detail, servers=done.servers
    )


def _verdict(error: SpringtideError | None) -> Verdict:
    if error is None:
        return Verdict.DONE
    return Verdict.LATER if isinstance(error, Retryable) else Verdict.FAILED


def _done(
    cloud: RegionCloud, fleet: Fleet, action: Action, *, at: datetime, user_data: str | None
) -> _Done:
    match action:
        case Launch():
            return _launched(cloud.launch(fleet, action, user_data))
        case Join():
            cloud.join(fleet, action)
            told = "joined"
        case Drain():
            cloud.drain(fleet, action, at)
            told = "at weight 0"
        case Leave():
            cloud.leave(fleet, action)
            told = "left"
        case Delete():
            return _deleted(cloud.delete_servers(action.server_ids, action.reason))
        case Mark():
            servers = cloud.write_checks(action.server_ids, action.failed, at)
            return _Done(servers, f"{servers} have failed {action.failed} checks in a row")
        case Reboot():
            servers = cloud.reboot_servers(action.server_ids, action.reason, at)
            return _Done(servers, f"{servers} being rebooted")
        case _:
            assert_never(action)
    return _Done(len(action.members), f"{len(action.members)} {told}")


def _launched(receipt: LaunchReceipt) -> _Done:
    how = "found by its tag after a lost reply" if receipt.looked_up else "accepted"
    return _Done(receipt.accepted, f"wave of {receipt.accepted} {how}")


def _deleted(receipt: DeleteReceipt) -> _Done:
    begun = f"{receipt.accepted} being deleted"
    if receipt.refused is None:
        return _Done(receipt.accepted, begun)
    # Without a number, one refusal of all is the same in each round, and told once.
    detail = f"{begun}, then: {receipt.refused}" if receipt.accepted else str(receipt.refused)
    return _Done(receipt.accepted, detail, receipt.refused)
