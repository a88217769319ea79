"""The controls of a sandbox that runs in another thread, one method for each."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from springtide.sandbox.control_inputs import (
    ClockChange,
    ForeignMember,
    ForeignServer,
    HeldRequest,
    RegionChange,
    TrafficRules,
)
from springtide.sandbox.controls import Controls
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from springtide.sandbox.records import Document
from springtide.sandbox.world import CallKey

POLL_S = 0.01

Result = TypeVar("Result")


class ControlHandle(ABC):
    """What a test or an operator may do to a running sandbox; for use from any other thread.

    Each method does what the one of the same name in `Controls` does, and raises what it raises.
    """

    @abstractmethod
    def control(self, act: Callable[[Controls], Result]) -> Result:
        """What `act` returns or raises, done in the sandbox's own thread."""

    def reset(self) -> None:
        """Empty every region and forget faults and counts; the clock runs on."""
        self.control(Controls.reset)

    def now(self) -> datetime:
        """What the sandbox's clock shows."""
        return self.control(Controls.now)

    def set_clock(self, at: datetime) -> datetime:
        """Make `at` (aware) the sandbox's present."""
        return self.control(lambda controls: controls.change_clock(ClockChange(at=at)))

    def advance_clock(self, seconds: float) -> datetime:
        """Move the sandbox's present on; returns the new one."""
        change = ClockChange(advance_s=seconds)
        return self.control(lambda controls: controls.change_clock(change))

    def call_counts(self) -> Counter[CallKey]:
        """How many requests came in, by service, region, method and route."""
        return self.control(Controls.calls)

    def forget_calls(self) -> None:
        """Count from zero again."""
        self.control(Controls.forget_calls)

    def add_fault(self, rule: FaultRule) -> str:
        """Put a fault rule in force; returns its id."""
        return self.control(lambda controls: controls.add_fault(rule))

    def add_behaviour(self, behaviour: ServerBehaviour) -> str:
        """Have servers created from now on turn out so; returns the behaviour's id."""
        return self.control(lambda controls: controls.add_behaviour(behaviour))

    def remove_fault(self, key: str) -> None:
        """Take a rule or behaviour out of force."""
        self.control(lambda controls: controls.remove_fault(key))

    def clear_faults(self) -> None:
        """Take every rule and behaviour out of force and release what they hold."""
        self.control(Controls.clear_faults)

    def holds(self) -> list[HeldRequest]:
        """The requests that are being kept back, the oldest first."""
        return self.control(Controls.holds)

    def wait_for_hold(self, timeout_s: float = 30.0) -> HeldRequest:
        """The oldest request that is being kept back, once there is one.

        Raises:
            TimeoutError: when none is within that time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if held := self.holds():
                return held[0]
            time.sleep(POLL_S)
        raise TimeoutError(f"no request was held within {timeout_s} s")

    def release(self, key: str) -> None:
        """Let a held request go on."""
        self.control(lambda controls: controls.release(key))

    def change_region(self, region: str, change: RegionChange) -> None:
        """Change a region's capacity or quota for creates to come."""
        self.control(lambda controls: controls.change_region(region, change))

    def change_traffic(self, rules: TrafficRules) -> None:
        """Change the limits on requests."""
        self.control(lambda controls: controls.change_traffic(rules))

    def revoke_tokens(self) -> int:
        """Make every token worthless; returns how many there were."""
        return self.control(Controls.revoke_tokens)

    def add_server(self, server: ForeignServer) -> str:
        """Add a server of somebody else's; returns its id."""
        return self.control(lambda controls: controls.add_server(server))

    def crash_server(self, server_id: str) -> None:
        """Have a server answer no more, while Nova still shows it ACTIVE."""
        self.control(lambda controls: controls.crash_server(server_id))

    def fail_server(self, server_id: str) -> None:
        """Take a server to ERROR."""
        self.control(lambda controls: controls.fail_server(server_id))

    def shut_off_server(self, server_id: str) -> None:
        """Have a server switch itself off: SHUTOFF."""
        self.control(lambda controls: controls.shut_off_server(server_id))

    def stick_balancer(self, pool_id: str, seconds: float) -> None:
        """Have a pool's load balancer be PENDING_UPDATE for so long from now."""
        self.control(lambda controls: controls.stick_balancer(pool_id, seconds))

    def set_connections(self, pool_id: str, active: int | None) -> None:
        """Have a pool's load balancer tell so many open connections; None: those that are."""
        self.control(lambda controls: controls.set_connections(pool_id, active))

    def add_member(self, pool_id: str, member: ForeignMember) -> str:
        """Add a member of somebody else's to a pool; returns its id."""
        return self.control(lambda controls: controls.add_member(pool_id, member))

    def state(self) -> Document:
        """What exists, region by region."""
        return self.control(Controls.state)
