"""A vCenter: what it shows, and the few changes that are made there, each of them audited.

Each change is idempotent (already so is success), carries what it was decided on (the change
version) and is read again. A guest is asked to shut down and waited for; nothing is powered off.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, Self

from pyVmomi import vim

from springtide.clouds.audit import AuditLog, Values
from springtide.clouds.vcenter.credentials import credentials_of
from springtide.clouds.vcenter.inventory import find_machine, read_inventory, read_machine
from springtide.clouds.vcenter.mounting import mount
from springtide.clouds.vcenter.reading import by_id, id_of
from springtide.clouds.vcenter.session import Session
from springtide.clouds.vcenter.trust import trusting_context
from springtide.clouds.vcenter.waiting import Progress, Wait, nobody, wait_for_task
from springtide.errors import (
    ChangedMeanwhile,
    GuardRefused,
    ReplyLost,
    Retryable,
    SpringtideError,
)
from springtide.model.core import Core, VirtualMachineSize
from springtide.model.inventory import Inventory, Power, VirtualMachine


class VCenter(AbstractContextManager["VCenter"]):
    """The vCenter that the estate names; nothing is sent before the first call."""

    def __init__(self, core: Core, session: Session, audit: AuditLog) -> None:
        """Changes go to `audit`."""
        self._core = core
        self._session = session
        self._audit = audit

    @classmethod
    def open(
        cls, core: Core, audit: AuditLog, *, environment: Mapping[str, str] = os.environ
    ) -> Self:
        """The one that the estate names.

        Raises:
            Misconfigured: certificates or credentials are not there.
        """
        context = trusting_context(core)
        return cls(core, Session(core, credentials_of(core, environment), context), audit)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log out."""
        self._session.close()

    def read(self) -> Inventory:
        """Everything that vCenter shows, now."""
        return self._session.call(
            lambda content: read_inventory(content, datetime.now(UTC)), what="inventory"
        )

    def virtual_machine(self, name: str) -> VirtualMachine:
        """The one of that name, read afresh.

        Raises:
            NotFound: there is none.
            GuardRefused: there are several.
        """
        return self._session.call(
            lambda content: read_machine(content, find_machine(content, name)), what=name
        )

    def shut_down_guest(
        self, name: str, *, why: str, deadline_s: float | None = None
    ) -> VirtualMachine:
        """Ask the guest to shut down and wait until it is off; off already is success.

        Raises:
            GuardRefused: VMware Tools do not run in it, so that nobody can ask.
            DeadlinePassed: it is on still. It was asked, and may go off yet.
            ReplyLost: it was asked, or may have been, and nobody has seen whether it is off.
        """
        machine = self.virtual_machine(name)
        if machine.power is Power.OFF:
            return machine
        if not machine.tools_running:
            raise GuardRefused(f"{name}: VMware Tools do not run: its guest cannot be asked")
        deadline = self._core.shutdown_timeout_s if deadline_s is None else deadline_s
        wait = Wait(self._session, deadline_s=deadline, what=f"shutdown of the guest of {name}")
        with self._audit.change(
            "ShutdownGuest",
            f"vm/{name}",
            region=self._core.host,
            service="vcenter",
            why=why,
            values={"power": (machine.power.value, Power.OFF.value)},
        ) as act:
            self._session.call(
                lambda content: by_id(content, vim.VirtualMachine, machine.id).ShutdownGuest(),
                what=f"ShutdownGuest of {name}",
                changing=True,
            )
            act.result = "asked"
            try:
                wait.until(
                    (vim.VirtualMachine, machine.id),
                    ("runtime.powerState",),
                    lambda seen: seen.get("runtime.powerState") == "poweredOff",
                )
            except Retryable as error:
                raise ReplyLost(f"{name}: its guest was asked to shut down; {error}") from error
            act.result = "off"
        return self.virtual_machine(name)

    def resize(
        self,
        name: str,
        size: VirtualMachineSize,
        *,
        change_version: str,
        why: str,
        progress: Progress = nobody,
    ) -> VirtualMachine:
        """Have it that size; that size already is success. What changes is sent and nothing else.

        `change_version` is the one that the decision was made on.

        Raises:
            ChangedMeanwhile: it has another change version by now.
            DeadlinePassed: vCenter's task is under way still.
        """
        machine = self.virtual_machine(name)
        if machine.size == size:
            return machine
        if machine.change_version != change_version:
            raise ChangedMeanwhile(f"{name}: it was changed by somebody since it was looked at")
        spec = vim.vm.ConfigSpec(changeVersion=change_version)
        if size.vcpus != machine.size.vcpus:
            spec.numCPUs = size.vcpus
        if size.ram_mib != machine.size.ram_mib:
            spec.memoryMB = size.ram_mib
        change = _Change("ReconfigVM_Task", spec, _changes(machine, size))
        self._run_task(machine, change, why=why, progress=progress)
        found = self.virtual_machine(name)
        if found.size != size:
            raise SpringtideError(f"{name}: vCenter says done, and shows {found.size}, not {size}")
        return found

    def power_on(self, name: str, *, why: str, progress: Progress = nobody) -> VirtualMachine:
        """Have it run; on already is success.

        Raises:
            CapacityExhausted: no host has the memory, or its datastore no room for its swap file.
            DeadlinePassed: vCenter's task is under way still.
        """
        machine = self.virtual_machine(name)
        if machine.power is Power.ON:
            return machine
        power = {"power": (machine.power.value, Power.ON.value)}
        change = _Change("PowerOnVM_Task", None, power)
        self._run_task(machine, change, why=why, progress=progress)
        found = self.virtual_machine(name)
        if found.power is not Power.ON:
            raise SpringtideError(f"{name}: vCenter says done, and shows it {found.power}")
        return found

    def mount_datastore(self, datastore: str, host: str, *, why: str) -> None:
        """Have that host mount the NFS datastore as others have it; mounted already is success.

        Raises:
            NotFound: there is no such datastore or host.
            GuardRefused: it is no NFS datastore.
        """
        with self._audit.change(
            "CreateNasDatastore",
            f"host/{host}",
            region=self._core.host,
            service="vcenter",
            why=why,
            values={"datastore": (None, datastore)},
        ) as act:
            self._session.call(
                lambda content: mount(content, datastore, host),
                what=f"mount of {datastore} on {host}",
                changing=True,
            )
            act.result = "mounted"

    def _run_task(
        self, machine: VirtualMachine, change: "_Change", *, why: str, progress: Progress
    ) -> None:
        what = f"{change.method} of {machine.name}"
        with self._audit.change(
            change.method,
            f"vm/{machine.name}",
            region=self._core.host,
            service="vcenter",
            why=why,
            values=change.values,
        ) as act:
            try:
                act.request_id = self._session.call(
                    lambda content: id_of(
                        getattr(by_id(content, vim.VirtualMachine, machine.id), change.method)(
                            change.argument
                        )
                    ),
                    what=what,
                    changing=True,
                )
                wait_for_task(
                    self._session,
                    act.request_id,
                    deadline_s=self._core.task_timeout_s,
                    what=what,
                    progress=progress,
                )
            except SpringtideError as error:
                act.result = f"{type(error).__name__}: {error}"
                raise
            act.result = "success"


class _Change(NamedTuple):
    method: str
    argument: object
    values: Values
    """For the audit: field → from, to."""


def _changes(machine: VirtualMachine, size: VirtualMachineSize) -> dict[str, tuple[int, int]]:
    """What a resize changes: field → from, to."""
    before, after = machine.size.model_dump(), size.model_dump()
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}
