"""Listening addresses on loopback, claimed with a plain word when they are taken."""

import errno
import socket


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
    """A port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_BACKLOG = 1024
