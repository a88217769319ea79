"""A program: the sandbox in a process of its own, without HAProxy.

HAProxy's own checks of hundreds of members would be measured too.

`python -m tests.bench.cloud <configuration> <clouds.yaml> <ready file>`
"""

import sys
from pathlib import Path

from springtide.commands.sandbox import run_sandbox
from springtide.sandbox import app
from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.world import World


class _ServersAlone(DataPlane):
    """Servers listen, and nothing balances."""

    def __init__(self, world: World) -> None:
        super().__init__(world, find_haproxy=lambda: None)


if __name__ == "__main__":
    # The configuration has no switch between listeners without HAProxy and nothing at all.
    app.DataPlane = _ServersAlone  # type: ignore[attr-defined, assignment]
    run_sandbox(Path(sys.argv[2]), Path(sys.argv[1]), Path(sys.argv[3]))
