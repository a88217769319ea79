"""Heat beside the other services: an engine of its own, for benchmarks that compare with it.

It acts for the user by a trust, so no domain of stack users is needed; its own calls go through the
front door like anybody's, so that they are counted.
"""

import subprocess

from tests.real.openstack.configuration import render, shared_values
from tests.real.openstack.layout import Layout
from tests.real.openstack.services import Services, answers, environment, wait_until

_SCHEMA_S = 300.0
_ENCRYPTION_KEY = "another-thirty-two-ASCII-letters"


def start_heat(layout: Layout, services: Services) -> None:
    """Configure Heat, make its schema, start it, and return when its API answers.

    Its database, its Keystone user and its endpoints must be there, and RabbitMQ must answer.

    Raises:
        subprocess.CalledProcessError: its schema could not be made.
        RuntimeError: it does not answer.
    """
    config = layout.etc / "heat.conf"
    values = {"region": layout.regions[0].name, "heat_key": _ENCRYPTION_KEY}
    config.write_text(render("heat.conf", shared_values(layout) | values), "utf-8")
    options = ("--config-file", str(config))
    with (layout.run / "schema-heat.log").open("ab") as log:
        subprocess.run(
            ["/usr/bin/heat-manage", *options, "db_sync"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(),
            timeout=_SCHEMA_S,
            check=True,
        )
    for name in ("heat-api", "heat-engine"):
        services.start(name, name, *options)
    url = f"http://127.0.0.1:{layout.internal('heat')}/"
    wait_until(lambda: answers(url), "Heat's API")
