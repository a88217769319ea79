"""Whom the connection believes: always an explicit TLS context, and never an unverified one.

pyVmomi verifies nothing at 127.0.0.1 where it is given no context, and gives up verification where
it is given a thumbprint. It is given neither the chance nor the thumbprint: a context of ours
verifies the chain, and compares the name (an authority) or the very certificate (a pin).
"""

import socket
import ssl
from pathlib import Path
from typing import Any

from springtide.errors import Misconfigured
from springtide.model.core import Core


class PinnedContext(ssl.SSLContext):
    """Takes the certificate `pinned`, in DER, and no other one that its issuer may sign."""

    pinned: bytes

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:  # noqa: ANN401 - the base class's own
        """The socket, once the peer has shown that it holds the pinned certificate's key."""
        wrapped = super().wrap_socket(sock, *args, **more)
        if wrapped.getpeercert(binary_form=True) != self.pinned:
            wrapped.close()
            raise ssl.SSLCertVerificationError("another certificate than the pinned one")
        return wrapped


def trusting_context(core: Core) -> ssl.SSLContext:
    """The context for vCenter's connections.

    Raises:
        Misconfigured: the file is missing, or holds no certificate.
    """
    if core.certificate_file is not None:
        return _pinning(Path(core.certificate_file))
    path = Path(str(core.ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise _unreadable("core.ca_file", path) from error
    return context


def _pinning(path: Path) -> PinnedContext:
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate itself is compared: its name need not be the address.
    context.check_hostname = False
    # A pin need not be self-signed: the chain may end at it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        text = path.read_text("ascii")
        context.load_verify_locations(cadata=text)
        context.pinned = ssl.PEM_cert_to_DER_cert(text.strip() + "\n")
    except (OSError, ValueError, ssl.SSLError) as error:
        raise _unreadable("core.certificate_file", path) from error
    return context


def _unreadable(field: str, path: Path) -> Misconfigured:
    return Misconfigured(
        f"{path} holds no certificate that can be read", field=field, allowed="PEM"
    )
