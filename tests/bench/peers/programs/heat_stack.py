"""A program: one stack of Heat's, made and deleted by openstacksdk.

`python heat_stack.py open|close <servers>`; the rest is in the environment.
"""

import os
import sys
from pathlib import Path
from typing import Any

import openstack

_TEMPLATE = Path(__file__).parents[1] / "heat" / "fleet.yaml"
_TOLD = ("image", "flavour", "network", "subnet", "pool", "port", "security_group", "key_pair")
_PATIENCE_S = 3600


def open_stack(cloud: Any, servers: int) -> None:  # noqa: ANN401 - the SDK has no types
    """Return when the stack is complete; one that fails is removed, and ends the program."""
    parameters = {name: os.environ[f"PEER_{name.upper()}"] for name in _TOLD}
    stack = cloud.create_stack(
        os.environ["PEER_PREFIX"],
        template_file=str(_TEMPLATE),
        rollback=False,
        wait=True,
        timeout=_PATIENCE_S,
        servers=servers,
        **parameters,
    )
    if stack.status != "CREATE_COMPLETE":
        close_stack(cloud)
        sys.exit(f"{stack.status}: {stack.status_reason}")


def close_stack(cloud: Any) -> None:  # noqa: ANN401 - as above
    """Return when the stack is gone."""
    cloud.delete_stack(os.environ["PEER_PREFIX"], wait=True)


if __name__ == "__main__":
    access = openstack.connect()
    if sys.argv[1] == "open":
        open_stack(access, int(sys.argv[2]))
    else:
        close_stack(access)
