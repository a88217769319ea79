"""The one table from vCenter's faults to our errors, by the fault's class and never by message."""

import ssl
from http.client import HTTPException
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from springtide.errors import (
    CapacityExhausted,
    ChangedMeanwhile,
    GuardRefused,
    Misconfigured,
    NotFound,
    ReplyLost,
    Retryable,
    SpringtideError,
)

FAILURES = (vmodl.MethodFault, OSError, HTTPException, ExpatError)
"""What a call may raise; TLS errors and time-outs are OSErrors."""

_BY_FAULT: tuple[tuple[type[Exception], type[SpringtideError]], ...] = (
    (vim.fault.NotAuthenticated, Retryable),  # before NoPermission, of which it is one
    (vim.fault.InvalidLogin, Misconfigured),
    (vim.fault.NoPermission, Misconfigured),
    (vim.fault.RestrictedVersion, Misconfigured),
    (vim.fault.ConcurrentAccess, ChangedMeanwhile),
    (vim.fault.TaskInProgress, Retryable),
    (vim.fault.Timedout, Retryable),
    (vim.fault.NotFound, NotFound),
    (vmodl.fault.ManagedObjectNotFound, NotFound),
    (vmodl.fault.HostCommunication, Retryable),
    (vmodl.fault.NotSupported, GuardRefused),
    (vmodl.fault.InvalidArgument, GuardRefused),
    (vim.fault.InvalidState, GuardRefused),
    (vim.fault.VmConfigFault, GuardRefused),
    (vim.fault.ToolsUnavailable, GuardRefused),
    (vim.fault.VimFault, GuardRefused),
    (vmodl.RuntimeFault, Retryable),
)
_NO_ROOM: dict[str, tuple[type[Exception], ...]] = {
    "datastores": (vim.fault.NoDiskSpace, vim.fault.InsufficientStorageSpace),
    "hosts": (vim.fault.InsufficientResourcesFault,),
}


def translate(error: BaseException, *, what: str, changing: bool) -> SpringtideError:
    """Our error for what a call or a task raised; `what` names it, e.g. `ReconfigVM of web-1`.

    An answer that never came after a change was sent is a lost reply: it may have been made.
    """
    if isinstance(error, SpringtideError):
        return error
    said = f"vCenter: {what}: {_told(error)}"
    for room, kinds in _NO_ROOM.items():
        if isinstance(error, kinds):
            return CapacityExhausted(said, region="vcenter", kind=room)
    if isinstance(error, OSError | HTTPException | ExpatError):
        return _of_connection(error, changing=changing)(said)
    return next((ours for theirs, ours in _BY_FAULT if isinstance(error, theirs)), Retryable)(said)


def _of_connection(error: Exception, *, changing: bool) -> type[SpringtideError]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Misconfigured  # not the certificate that the estate trusts
    unsent = isinstance(error, ssl.SSLError | ConnectionRefusedError)
    return ReplyLost if changing and not unsent else Retryable


def _told(error: BaseException) -> str:
    """The fault's class and what it says, in one line: what else it carries is not for a log."""
    name = type(error).__name__.rpartition(".")[2]
    said = getattr(error, "msg", None) or ("" if isinstance(error, vmodl.MethodFault) else error)
    text = " ".join(str(said).split())[:200]
    return f"{name}: {text}" if text and text != name else name
