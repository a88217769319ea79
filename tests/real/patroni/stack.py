"""A Prefect server and a worker for the tests' cluster, as in production: deployed, run, signed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ovh.client import ENDPOINTS
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.deploy import ROOT
from deployments.processes import Processes
from deployments.stack import down, up
from deployments.stack_clouds import GivenCloud
from tests.clouds.ovhcloud.fake_api import ENDPOINT, ENVIRONMENT
from tests.deployments.rig import PrefectRig


@contextmanager
def running_stack(folder: Path, estate_file: Path) -> Iterator[PrefectRig]:
    """A stack on that estate for this while, which flows of this process use, too.

    The provider of this process is its provider.
    """
    folder.mkdir(exist_ok=True)
    (folder / "clouds.yaml").write_text("clouds: {}\n", "utf-8")
    # The provider's client knows endpoints by name, in a table of its own: a worker's flows read
    # ours there, as this process does.
    known = f"from ovh.client import ENDPOINTS\nENDPOINTS[{ENDPOINT!r}] = {ENDPOINTS[ENDPOINT]!r}\n"
    (folder / "sitecustomize.py").write_text(known, "utf-8")
    variables = {**ENVIRONMENT, "PYTHONPATH": f"{ROOT}:{folder}"}
    try:
        stack = up(
            folder, cloud=GivenCloud(estate_file, folder / "clouds.yaml"), variables=variables
        )
        with temporary_settings({PREFECT_API_URL: stack.api_url}):
            yield PrefectRig(stack, variables)
    finally:
        Processes(folder / "run").end("worker")
        down(folder)
