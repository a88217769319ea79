"""`python -m tests.real.openstack up|down`: a real OpenStack on loopback."""

import sys
import time

from tests.real.openstack.layout import Layout
from tests.real.openstack.testbed import bring_up, take_down


def main() -> None:
    """Bring it up, or take it down; its folder is SPRINGTIDE_TESTBED's."""
    layout = Layout.of_environment()
    started = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - started:6.1f} s  {line}\n")
        sys.stdout.flush()

    if sys.argv[1:] == ["down"]:
        take_down(layout)
    elif sys.argv[1:] == ["up"]:
        try:
            found = bring_up(layout, say)
        except RuntimeError as error:
            sys.exit(str(error))
        say("up")
        sys.stdout.write(
            f"export OS_CLIENT_CONFIG_FILE={found.clouds_yaml}\n"
            f"export OS_CLOUD=springtide\n"
            f"export SPRINGTIDE_ESTATE={found.estate_yaml}\n"
            "End it with `make testbed-down`.\n"
        )
    else:
        sys.exit("usage: python -m tests.real.openstack up|down")


if __name__ == "__main__":
    main()
