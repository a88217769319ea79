"""The table from vCenter's faults to what the caller does about them."""

import ssl
from http.client import HTTPException, RemoteDisconnected
from xml.parsers.expat import ExpatError

import pytest
from pyVmomi import vim, vmodl

from springtide.clouds.vcenter.translation import translate
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

FAULTS = [
    pytest.param(vim.fault.InvalidLogin(), Misconfigured, id="wrong password"),
    pytest.param(vim.fault.NoPermission(), Misconfigured, id="no privilege"),
    pytest.param(
        vim.fault.NotAuthenticated(), Retryable, id="ended session, though a NoPermission"
    ),
    pytest.param(vim.fault.ConcurrentAccess(), ChangedMeanwhile, id="stale change version"),
    pytest.param(vim.fault.TaskInProgress(), Retryable, id="busy"),
    pytest.param(vim.fault.Timedout(), Retryable, id="vCenter's own time-out"),
    pytest.param(vmodl.fault.HostNotConnected(), Retryable, id="host away"),
    pytest.param(vim.fault.NoDiskSpace(), CapacityExhausted, id="no disk space"),
    pytest.param(vim.fault.InsufficientMemoryResourcesFault(), CapacityExhausted, id="no memory"),
    pytest.param(vim.fault.InsufficientCpuResourcesFault(), CapacityExhausted, id="no cores"),
    pytest.param(
        vim.fault.InsufficientFailoverResourcesFault(), CapacityExhausted, id="admission control"
    ),
    pytest.param(vim.fault.InvalidPowerState(), GuardRefused, id="power state"),
    pytest.param(vim.fault.CpuHotPlugNotSupported(), GuardRefused, id="no hot add of cores"),
    pytest.param(vim.fault.MemoryHotPlugNotSupported(), GuardRefused, id="no hot add of memory"),
    pytest.param(vim.fault.ToolsUnavailable(), GuardRefused, id="no tools"),
    pytest.param(vim.fault.InvalidVmConfig(), GuardRefused, id="unlawful configuration"),
    pytest.param(vmodl.fault.InvalidArgument(), GuardRefused, id="unlawful argument"),
    pytest.param(vmodl.fault.NotSupported(), GuardRefused, id="not supported"),
    pytest.param(vmodl.fault.ManagedObjectNotFound(), NotFound, id="gone"),
    pytest.param(vim.fault.FileNotFound(), GuardRefused, id="a missing file"),
    pytest.param(vmodl.RuntimeFault(), Retryable, id="anything else at run time"),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
def test_a_fault_is_what_its_class_says(fault: Exception, expected: type[SpringtideError]) -> None:
    """Whether something was to be changed makes no difference: vCenter has answered."""
    for changing in (False, True):
        told = translate(fault, what="ReconfigVM_Task of web-1", changing=changing)
        assert expected is type(told)
        assert "ReconfigVM_Task of web-1" in str(told)
        assert type(fault).__name__.rpartition(".")[2] in str(told)


CONNECTIONS = [
    pytest.param(ConnectionRefusedError(), Retryable, Retryable, id="nobody listens"),
    pytest.param(TimeoutError(), Retryable, ReplyLost, id="no answer in time"),
    pytest.param(ConnectionResetError(), Retryable, ReplyLost, id="broke off"),
    pytest.param(RemoteDisconnected(), Retryable, ReplyLost, id="hung up"),
    pytest.param(HTTPException("503 busy"), Retryable, ReplyLost, id="a proxy's 503"),
    pytest.param(ExpatError(), Retryable, ReplyLost, id="an answer that is none"),
    pytest.param(ssl.SSLError(), Retryable, Retryable, id="no TLS came about"),
    pytest.param(
        ssl.SSLCertVerificationError(), Misconfigured, Misconfigured, id="another certificate"
    ),
]


@pytest.mark.parametrize(("error", "looking", "changing"), CONNECTIONS)
def test_a_change_without_an_answer_may_have_been_made(
    error: Exception, looking: type[SpringtideError], changing: type[SpringtideError]
) -> None:
    """A look can be repeated; a change is a lost reply, unless it cannot have been sent."""
    assert looking is type(translate(error, what="x", changing=False))
    assert changing is type(translate(error, what="x", changing=True))


def test_rooms_kind_is_an_attribute() -> None:
    """Nobody parses the message to learn what is full."""
    full = translate(vim.fault.NoDiskSpace(), what="x", changing=True)
    busy = translate(vim.fault.InsufficientMemoryResourcesFault(), what="x", changing=True)
    assert isinstance(full, CapacityExhausted)
    assert isinstance(busy, CapacityExhausted)
    assert ("datastores", "hosts") == (full.kind, busy.kind)


def test_our_own_errors_pass() -> None:
    """A deadline within a call is not made into a fault."""
    ours = GuardRefused("no")
    assert ours is translate(ours, what="x", changing=True)
