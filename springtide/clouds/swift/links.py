"""Links that open one object for some days, signed with the container's own key (TempURL)."""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote, urlsplit

from springtide.clouds.swift.store import SwiftStore


def signed_link(store: SwiftStore, name: str, *, key: str, until: datetime) -> str:
    """The address at which a browser gets the object and shows it, until that moment.

    Whoever has it needs no other credential. The container has to know the key: `set_link_key`.

    Raises:
        Retryable, Misconfigured: there is no token to be had, and so no address.
    Source: OpenStack Swift, "Temporary URL middleware": HMAC over method, expiry and path.
    """
    address = urlsplit(store.access().url)
    prefix = f"{store.place.prefix}/" if store.place.prefix else ""
    path = f"{address.path}/{store.place.container}/{quote(prefix + name)}"
    expires = int(until.timestamp())
    # The signature is over the path as it is decoded by the server.
    plain = f"{address.path}/{store.place.container}/{prefix}{name}"
    text = f"GET\n{expires}\n{plain}".encode()
    signature = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    query = f"temp_url_sig={signature}&temp_url_expires={expires}&inline"
    return f"{address.scheme}://{address.netloc}{path}?{query}"
