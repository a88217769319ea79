"""The control API that sandbox and test bed have alike: counted calls, faults."""

import re
from dataclasses import dataclass
from typing import TypedDict

import httpx

# Made once: that takes longer than a call. Connections are not kept.
_CLIENT = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


class Counted(TypedDict):
    """Calls of one kind, since they were last forgotten."""

    service: str
    region: str
    method: str
    path: str
    count: int


@dataclass(frozen=True)
class Control:
    """The paths below `/admin` at that address."""

    url: str

    def add_fault(self, **rule: object) -> None:
        """Have requests meet a fault."""
        self._send("POST", "/faults", json=rule)

    def clear_faults(self) -> None:
        """Have no request meet a fault any more."""
        self._send("DELETE", "/faults")

    def forget_calls(self) -> None:
        """Count from zero again."""
        self._send("DELETE", "/calls")

    def calls(self, method: str = "", path: str = "") -> int:
        """How many requests of that method came in, whose path the regular expression finds."""
        counted: list[Counted] = self._send("GET", "/calls").json()["calls"]
        return sum(
            one["count"]
            for one in counted
            if method in one["method"] and re.search(path, one["path"])
        )

    def _send(self, method: str, path: str, *, json: object = None) -> httpx.Response:
        answer = _CLIENT.request(method, f"{self.url}/admin{path}", json=json)
        answer.raise_for_status()
        return answer
