"""A child of the sandbox: one of Swift's four servers, or the maker of their rings.

`python -m springtide.sandbox.swift_server KIND CONFIGURATION FD` serves until the other end of that
pipe is closed, as it is however the parent ends: no server outlives a killed one.
`python -m springtide.sandbox.swift_server rings FOLDER PORT PORT PORT` makes the rings of the
account, container and object servers on those ports.
"""

import os
import sys
from _thread import start_new_thread
from importlib import import_module
from pathlib import Path

RINGED = ("account", "container", "object")
DEVICE = "d1"
_PART_POWER = 4
"""16 partitions: folders of one disk."""


def make_rings(folder: Path, ports: list[int]) -> None:
    """Write each kind's ring with its one server and one device into the folder."""
    builders = import_module("swift.common.ring.builder")
    for kind, port in zip(RINGED, ports, strict=True):
        builder = builders.RingBuilder(_PART_POWER, 1, 0)
        device = {"id": 0, "region": 1, "zone": 1, "device": DEVICE, "weight": 1.0, "meta": ""}
        address = {"ip": "127.0.0.1", "port": port}
        replication = {"replication_ip": "127.0.0.1", "replication_port": port}
        builder.add_dev(device | address | replication)
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def serve(kind: str, configuration: str, parent: int) -> int:
    """Run a server until the parent ends; the exit status."""
    # Before Swift is imported: a thread of the system's, as eventlet has not put its own in place.
    start_new_thread(_end_with_parent, (parent, os.read, os._exit))
    # As the programs of every release do: in older ones the servers have no `main`.
    run = import_module("swift.common.wsgi").run_wsgi
    options = {}
    if kind == "object":
        server = import_module("swift.obj.server")
        options["global_conf_callback"] = server.global_conf_callback
    return int(run(configuration, f"{kind}-server", verbose=True, **options) or 0)


def _end_with_parent(parent: int, read, leave) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    read(parent, 1)
    leave(0)


if __name__ == "__main__":
    if sys.argv[1] == "rings":
        make_rings(Path(sys.argv[2]), [int(port) for port in sys.argv[3:]])
    else:
        sys.exit(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
