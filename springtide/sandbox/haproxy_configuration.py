"""The configuration file of the sandbox's HAProxy.

The customer's entry spreads over the regions evenly, as a DNS round robin would; a region whose
pool has no server that takes requests is left out.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Backend(NamedTuple):
    """A backend and the frontend of the same name before it."""

    name: str
    address: str
    port: int
    in_front: bool
    """Whether the customer's entry leads to it."""


FRONT: Final = "front"
"""The name of the customer's entry."""


def configuration(fds: Mapping[Backend, int], *, front_fd: int, runtime_socket: str) -> str:
    """The text of the file; every frontend takes over a listening socket by its number."""
    parts = [_HEAD.format(runtime_socket=runtime_socket)]
    parts += [_BACKEND.format(name=backend.name, fd=fd) for backend, fd in fds.items()]
    parts.append(_FRONT.format(name=FRONT, fd=front_fd))
    parts += [
        f"  server {x.name} {x.address}:{x.port} check inter 100ms fall 1 rise 1\n"
        for x in fds
        if x.in_front
    ]
    return "".join(parts)


_HEAD = """\
global
  stats socket {runtime_socket} mode 600 level admin
  maxconn 4000
  nbthread 1

defaults
  mode http
  balance roundrobin
  retries 3
  option redispatch
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout check 10s
"""

_BACKEND = """
frontend {name}
  bind fd@{fd}
  monitor-uri /springtide-monitor
  monitor fail if {{ nbsrv({name}) lt 1 }}
  default_backend {name}

backend {name}
  option httpchk GET /health
  http-check expect status 200
"""

# Between a pool's emptying and the next check of its frontend, that frontend answers 503 by
# itself: such a request is taken to another region.
_FRONT = """
frontend {name}
  bind fd@{fd}
  default_backend {name}

backend {name}
  option httpchk GET /springtide-monitor
  option redispatch 1
  retry-on conn-failure 503
"""
