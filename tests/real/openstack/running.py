"""The test bed that tests use: one that runs already, or one of their own."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.openstack.layout import Layout
from tests.real.openstack.testbed import Testbed, bring_up, running, take_down

_FIRST_PORT = 15400
"""Beside a test bed that an operator may have up, and where `free_port` gives nothing away."""


@contextmanager
def running_testbed() -> Iterator[Testbed]:
    """The test bed that SPRINGTIDE_TESTBED names, left as it is; else one for this while."""
    if "SPRINGTIDE_TESTBED" in os.environ:
        layout = Layout.of_environment()
        found = running(layout)
        if found is None:
            raise RuntimeError(f"no test bed runs in {layout.folder}: make testbed-up")
        yield found
        return
    # Unix sockets want short paths.
    folder = Path(tempfile.mkdtemp(prefix="springtide-testbed-", dir="/var/tmp"))
    folder.chmod(0o755)
    layout = Layout(folder, first_port=_FIRST_PORT)
    try:
        yield bring_up(layout, lambda line: print(line, file=sys.stderr))  # noqa: T201 - progress
    finally:
        take_down(layout)
        shutil.rmtree(folder, ignore_errors=True)
