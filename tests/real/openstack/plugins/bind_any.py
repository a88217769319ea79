"""A mechanism driver for Neutron that binds every port at once: there is no agent to do it."""

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class BindAny(api.MechanismDriver):
    """Every port is bound and ACTIVE as soon as it is asked for."""

    def initialize(self) -> None:
        """Nothing to prepare."""

    @property
    def connectivity(self) -> str:
        """What Neutron's listing of agents says."""
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context) -> None:  # noqa: ANN001 - Neutron's own, untyped
        """Bind to the network's first segment."""
        segment = context.segments_to_bind[0]
        context.set_binding(
            segment[api.ID],
            portbindings.VIF_TYPE_OVS,
            {portbindings.CAP_PORT_FILTER: True},
            status=constants.PORT_STATUS_ACTIVE,
        )
