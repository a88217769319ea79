"""Listening addresses on loopback, claimed with a plain word when they are taken."""

import errno
import random
import socket
from contextlib import suppress


class AddressBusyError(OSError):
    """Something else listens on an address that the sandbox needs."""

    def __init__(self, address: str, port: int) -> None:
        """Name the address, and the likely reason."""
        super().__init__(
            errno.EADDRINUSE,
            f"{address}:{port} is in use, perhaps by another sandbox: "
            "give one of them other ports or another cidr",
        )


def listening_socket(address: str, port: int) -> socket.socket:
    """A socket that listens on that address; port 0 means one that is free.

    Raises:
        AddressBusyError: when something else listens there.
    """
    claimed = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of a predecessor that wait for their end must not keep the address.
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claimed.bind((address, port))
        claimed.listen(_BACKLOG)
    except OSError as error:
        claimed.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressBusyError(address, port) from error
        raise
    return claimed


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens now, for whoever listens there later.

    It is none of those the kernel gives to outgoing connections and to listeners without a wish:
    one of them would take it before its user, who may need seconds to start, claims it.

    Raises:
        OSError: none was found.
    """
    for port in random.sample(_GIVEN_BY_NOBODY, _TRIES):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(errno.EADDRINUSE, f"{_TRIES} ports of 127.0.0.1 were tried, all are in use")


_BACKLOG = 1024
_GIVEN_BY_NOBODY = range(16_000, 32_768)
"""Below the ports that Linux gives out by itself (`net.ipv4.ip_local_port_range`), and above those
of test beds (docs/openstack-test-bed.md)."""
_TRIES = 100
