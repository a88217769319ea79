"""The changes that can be made to a pool's members, one at a time and in a batch."""

import time
from collections import Counter
from collections.abc import Collection

from springtide.sandbox.balancer_resources import Member, MemberKey, Pool, Provisioning
from springtide.sandbox.balancers import RegionBalancers
from springtide.sandbox.lbaas import MemberSettings, changed, parsed
from springtide.sandbox.protocol import Refused

_BATCH_DEFAULTS: dict[str, object] = {
    "admin_state_up": True,
    "backup": False,
    "monitor_address": None,
    "monitor_port": None,
    "weight": 1,
}
"""What a batch sets on a known member that it leaves out: Octavia reads a batch as creates."""


def add_member(state: RegionBalancers, pool_id: str, body: object) -> Member:
    """A new member of a pool.

    Raises:
        Refused: 409, if the pool has that address and port already; 403, without quota for it.
    """
    pool = state.pool(pool_id)
    settings = parsed(MemberSettings, body)
    state.check_subnet(settings.subnet_id)
    state.check_mutable(pool.balancer)
    state.check_quota(1)
    member = _new_member(state, pool, settings)
    state.lock(pool.balancer)
    return member


def update_member(state: RegionBalancers, pool_id: str, member_id: str, body: object) -> Member:
    """Change a member."""
    pool, member = state.pool(pool_id), state.member(pool_id, member_id)
    settings = changed(member.settings, body)
    state.lock(pool.balancer)
    member.settings = settings
    member.touch(state.world.clock.now())
    return member


def remove_member(state: RegionBalancers, pool_id: str, member_id: str) -> None:
    """Have a member gone once the change has settled."""
    pool, member = state.pool(pool_id), state.member(pool_id, member_id)
    state.lock(pool.balancer)
    member.provisioning = Provisioning.PENDING_DELETE


def replace_members(
    state: RegionBalancers, pool_id: str, bodies: object, *, additive_only: bool
) -> None:
    """Add and change members in one change; those left out go, unless `additive_only`.

    Source: openstack/octavia, api/v2/controllers/member.py, MembersController.put: members
    are merged on address and port; of a known member what the body leaves out becomes the
    default, name and tags excepted, which stay; the same known member twice is a 400 (since
    2023), the same new one twice a 409.
    """
    pool = state.pool(pool_id)
    if not isinstance(bodies, list):
        raise Refused(400, "Invalid input for field/attribute members. A list is required.")
    asked = [(parsed(MemberSettings, body), body) for body in bodies]
    for settings, _ in asked:
        state.check_subnet(settings.subnet_id)
    state.check_mutable(pool.balancer)
    known = {member.key: member for member in pool.members.values()}
    keys = [(str(settings.address), settings.protocol_port) for settings, _ in asked]
    _check_once(keys, known.keys())
    going = set() if additive_only else known.keys() - set(keys)
    state.check_quota(len(set(keys) - known.keys()) - len(going))
    state.lock(pool.balancer)
    for key, (settings, body) in zip(keys, asked, strict=True):
        if key in known:
            _merge(state, known[key], body)
        else:
            _new_member(state, pool, settings)
    if not additive_only:
        for key in known.keys() - set(keys):
            known[key].provisioning = Provisioning.PENDING_DELETE


def add_foreign_member(state: RegionBalancers, pool_id: str, body: object) -> Member:
    """A member that is there at once, as if someone else had added it long ago."""
    pool = state.pool(pool_id)
    member = _new_member(state, pool, parsed(MemberSettings, body))
    member.provisioning = Provisioning.ACTIVE
    member.applied_at = time.monotonic()
    return member


def _new_member(state: RegionBalancers, pool: Pool, settings: MemberSettings) -> Member:
    member = Member(id=state.world.new_id(), settings=settings, created_at=state.world.clock.now())
    if member.key in {other.key for other in pool.members.values()}:
        raise _duplicate(member.key)
    pool.members[member.id] = member
    return member


def _merge(state: RegionBalancers, member: Member, body: dict[str, object]) -> None:
    merge = _BATCH_DEFAULTS | {k: v for k, v in body.items() if k not in MemberSettings.fixed}
    member.settings = changed(member.settings, merge)
    member.touch(state.world.clock.now())


def _check_once(keys: list[MemberKey], known: Collection[MemberKey]) -> None:
    for key, times in Counter(keys).items():
        if times > 1 and key in known:
            text = "Member must be updated only once in the same request."
            raise Refused(400, f"Validation failure: {text}")
        if times > 1:
            raise _duplicate(key)


def _duplicate(key: MemberKey) -> Refused:
    address, port = key
    text = f"Another member on this pool is already using ip {address} on protocol_port {port}"
    return Refused(409, text)
