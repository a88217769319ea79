"""The private cloud: where its vCenter is, what may be changed there, and within which limits."""

from collections import Counter
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from springtide.errors import Misconfigured
from springtide.model.base import EnvironmentVariable, Model
from springtide.model.paths import AbsolutePath
from springtide.model.provider_api import ProviderApi

InventoryName = Annotated[str, StringConstraints(min_length=1, max_length=80)]
"""A name as the vSphere client shows it."""
Share = Annotated[float, Field(gt=0, le=1)]

GREATEST_VCPUS = 768
"""Source: VMware, Configuration Maximums, vSphere 7.0 U1 and later, virtual machine."""
GREATEST_RAM_MIB = 24 * 1024 * 1024
"""Source: as above."""


class VirtualMachineSize(Model):
    """How much a virtual machine has, or is to have."""

    vcpus: Annotated[int, Field(ge=1, le=GREATEST_VCPUS)]
    ram_mib: Annotated[int, Field(ge=4, le=GREATEST_RAM_MIB, multiple_of=4)]

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.vcpus} vCPU, {self.ram_mib} MiB"

    def exceeds(self, other: "VirtualMachineSize") -> bool:
        """Whether it has more cores or more memory than that."""
        return self.vcpus > other.vcpus or self.ram_mib > other.ram_mib


class HostReserve(Model):
    """What must be left on the hosts when a virtual machine has grown."""

    spare_hosts: Annotated[int, Field(ge=0, le=4)] = 1
    """So many hosts of a cluster, the largest, may fail and all still fits (N+1)."""
    ram_share: Share = 0.9
    """Share of a host's memory that virtual machines may take together: memory is promised once,
    as a database uses all that it has."""
    vcpus_per_core: Annotated[float, Field(gt=0, le=16)] = 4.0
    """Virtual cores that a host's core may carry."""


class DatastoreLimits(Model):
    """When a datastore is too full."""

    amber_share: Share = 0.8
    """Used share above which it is told."""
    red_share: Share = 0.9
    """Used share above which it is an alarm, and above which nothing is grown."""
    forecast_days: Annotated[int, Field(ge=1, le=180)] = 30
    """How far ahead a fill is foretold from the history."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.amber_share > self.red_share:
            raise ValueError("datastore_limits: amber_share is above red_share")
        return self


class DatastoreOrders(ProviderApi):
    """How datastores are ordered from the provider: what may be bought, and for how much.

    An order is made once two people have signed its plan, and never repeated by itself.
    """

    service: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,100}$")]
    """The private cloud's name at the provider, e.g. `pcc-192-0-2-7`."""
    datacenter: Annotated[int, Field(ge=1)]
    """Number of its datacentre there."""
    profile: InventoryName
    """Name of the datastore profile that is ordered."""
    capacity_gib: Annotated[int, Field(ge=1)]
    """What one of it has, in GiB."""
    price_per_month: Annotated[Decimal, Field(gt=0)]
    """What one of it costs without VAT, in euros."""
    most_at_once: Annotated[int, Field(ge=1, le=10)] = 2
    """Of one order."""
    monthly_budget: Annotated[Decimal, Field(gt=0)]
    """What the orders of a calendar month may come to, in euros a month without VAT."""
    delivery_timeout_s: Annotated[float, Field(gt=0, le=86400)] = 7200.0
    """How long a delivery may take before a person looks, in seconds."""
    poll_interval_s: Annotated[float, Field(ge=0.1, le=300)] = 20.0
    """Pause between two looks at a delivery, in seconds."""


class Core(Model):
    """The private cloud's vCenter. It is spoken to by verified TLS only: one of the two files."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    """Its name or address, without a scheme."""
    port: Annotated[int, Field(ge=1, le=65535)] = 443
    ca_file: AbsolutePath | None = None
    """PEM file on the worker's machine, of the authority that signed vCenter's certificate; the
    certificate's name is compared, too."""
    certificate_file: AbsolutePath | None = None
    """PEM file on the worker's machine, of vCenter's very own certificate: no other one is taken,
    whoever signed it."""
    user_env: EnvironmentVariable = "SPRINGTIDE_VCENTER_USER"
    """Environment variable of the worker that holds the user's name."""
    password_env: EnvironmentVariable = "SPRINGTIDE_VCENTER_PASSWORD"  # noqa: S105 - its variable
    """Environment variable of the worker that holds the password."""
    password_file: AbsolutePath | None = None
    """Instead: a file on the worker's machine, readable for its user alone; its first line is the
    password."""
    clusters: Annotated[tuple[InventoryName, ...], Field(min_length=1)]
    """The clusters that are watched; nothing is changed outside of them."""
    virtual_machines: tuple[InventoryName, ...] = ()
    """Those that `resize_virtual_machine` may change. Members of database clusters are never among
    them: their cluster has flows of its own."""
    before_window_minutes: Annotated[float, Field(ge=0, le=720)] = 60
    """Nothing is shut down from so long before a window until its end, in minutes."""
    largest: VirtualMachineSize = VirtualMachineSize(vcpus=128, ram_mib=4 * 1024 * 1024)
    """No virtual machine is made larger than this, whoever asks."""
    headroom: HostReserve = HostReserve()
    datastore_limits: DatastoreLimits = DatastoreLimits()
    datastore_orders: DatastoreOrders | None = None
    """None: datastores are proposed and never ordered."""
    call_timeout_s: Annotated[float, Field(ge=15, le=300)] = 30.0
    """How long one call to vCenter may take, in seconds; a call that waits takes ten."""
    task_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """How long one of vCenter's tasks may take, in seconds."""
    shutdown_timeout_s: Annotated[float, Field(gt=0, le=7200)] = 600.0
    """How long a guest may take to shut down, in seconds; it is never powered off the hard way."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.ca_file is None) == (self.certificate_file is None):
            raise ValueError("core: one of ca_file and certificate_file is wanted")
        for field in ("clusters", "virtual_machines"):
            twice = [name for name, times in Counter(getattr(self, field)).items() if times > 1]
            if twice:
                raise ValueError(f"core: {field}: each stands once; given twice: {twice[0]}")
        return self

    def ordering(self) -> DatastoreOrders:
        """How datastores are ordered.

        Raises:
            Misconfigured: the estate does not say.
        """
        if self.datastore_orders is None:
            raise Misconfigured(
                "the estate does not say how datastores are ordered", field="core.datastore_orders"
            )
        return self.datastore_orders
