"""A person's hold of one server: which one is meant, and what stands on it."""

from springtide.errors import GuardRefused
from springtide.model.server import Server
from springtide.model.snapshot import FleetSnapshot


def server_named(name: str, snapshot: FleetSnapshot) -> Server:
    """The fleet's server of that name or id.

    Raises:
        GuardRefused: there is none, or more than one; the message names what is there.
    """
    servers = [server for region in snapshot.regions for server in region.servers]
    found = [s for s in servers if name in (s.id, s.name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{s.region} {s.id}" for s in found)
        raise GuardRefused(f"server: {len(found)} are called {name!r}, say which by its id: {ids}")
    unread = "".join(
        f"; {r.region} cannot be read: {r.trouble}" for r in snapshot.regions if r.trouble
    )
    known = ", ".join(sorted(s.name for s in servers)) or "none stands"
    raise GuardRefused(f"server: the fleet has no {name!r} (standing: {known}){unread}")


def holder(owner: str, reason: str) -> str:
    """Who holds it and why, as it stands on the server.

    Raises:
        GuardRefused: one of them is missing.
    """
    if not owner.strip() or not reason.strip():
        raise GuardRefused("owner and reason say who it is, and why")
    return f"{owner.strip()}: {reason.strip()}"
