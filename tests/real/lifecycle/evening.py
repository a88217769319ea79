"""An evening on a stack that stands on the test bed: opened, closed, interrupted, counted."""

import re
from datetime import UTC, datetime

from deployments.stack import Stack
from springtide.estate import load_estate
from tests.deployments.rig import CLOSE, KEEP, End, PrefectRig, wait_until
from tests.real.lifecycle.command_line import Census, take_census
from tests.real.openstack.estate import end_evening, write_estate

FLOW_S = 1500.0
"""How long an opening or a closing of three hundred may take on two busy cores."""
DEADLINE = "deadline"
"""What a keeping says whose time is up before the fleet is as it is desired."""
_MOST_KEEPINGS = 5
_QUICK_POLL_S = 0.1


class EveningRig(PrefectRig):
    """A stack on a real cloud, whose time goes on as it likes: the evening is brought to it."""

    def __init__(self, stack: Stack, variables: dict[str, str]) -> None:
        """As every stack; its estate has one fleet."""
        super().__init__(stack, variables)
        self._stack = stack
        (fleet,) = load_estate(stack.estate).fleets
        self._pools = {region.name: region.pool for region in fleet.regions}

    def begin(self) -> None:
        """An open evening, an empty store, and nothing of the fleet in the cloud."""
        super().begin()
        self.control("POST", "/clock", {"at": datetime.now(UTC).isoformat()})
        found = self.census()
        if found.servers or found.members:
            self.end_evening()
            self.run(CLOSE)
        write_estate(self._stack.folder, self._stack.control_url)
        self.control("DELETE", "/calls")

    def census(self) -> Census:
        """What stands in the cloud, by the `openstack` command line."""
        return take_census(self._stack.clouds_yaml, self._pools)

    def end_evening(self) -> None:
        """Have the evening end now."""
        end_evening(self._stack.estate)

    def run(self, deployment: str, **parameters: object) -> End:
        """How a run of the deployment ends: servers of a real cloud take their time."""
        return self.end(self.start(deployment, **parameters), FLOW_S)

    def keep(self) -> End:
        """How the last of the keepings ends: one goes on for four minutes, then it is the next's.

        By its schedule there is one every five minutes; a busy machine needs several for a surge.
        """
        for _ in range(_MOST_KEEPINGS):
            end = self.run(KEEP)
            if end.message != DEADLINE:
                return end
        return end

    def kill_after(
        self, deployment: str, calls: int, method: str, path: str, **parameters: object
    ) -> End:
        """Start the deployment, and SIGKILL its flow at so many such calls of Nova; how it ends.

        `path` is a regular expression for the whole path below Nova's root.
        """
        before = self._called(method, path)
        run_id = self.start(deployment, **parameters)
        wait_until(
            lambda: self._called(method, path) >= before + calls,
            f"{calls} calls {method} {path}",
            FLOW_S,
            poll_s=_QUICK_POLL_S,
        )
        self.kill_flow(run_id)
        end = self.end(run_id)
        self.free_turn()
        return end

    def _called(self, method: str, path: str) -> int:
        """How many such calls of Nova the cloud has counted."""
        calls = self.control("GET", "/calls")["calls"]
        about = [c for c in calls if (c["service"], c["method"]) == ("compute", method)]
        return sum(call["count"] for call in about if re.fullmatch(path, call["path"]))
