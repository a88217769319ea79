"""Which tests share a worker, and which of them begin, where pytest-xdist runs several workers.

Rule: the tests of a family stand on something that is started once and of which one machine has
one, such as the real OpenStack, so they share a worker; every other file is a family of its own.
The families that take longest begin, so that no worker is left alone with one of them at the end.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

FAMILIES = {
    "[testbed": "test bed",
    "tests/real/lifecycle/": "test bed",
    "tests/deployments/test_stack_surge": "stack of surges",
    "tests/deployments/test_stack_kills": "stack of surges",
    "tests/deployments/test_stack_restore": "stack with a store",
    "tests/deployments/test_stack_": "stack",
    "tests/real/patroni/": "database cluster",
    "tests/real/vcenter/": "private cloud",
    "tests/ui/": "browser",
}
"""By what is part of a test's id; the first that is counts."""

LONGEST = (
    "test bed",
    "database cluster",
    "private cloud",
    "browser",
    "stack of surges",
    "stack",
)
"""Families that begin, in this order. A new one needs no place here unless it takes a minute."""


def family_of(nodeid: str) -> str:
    """The family of a test: of that name's tests, all run on one worker."""
    found = (family for part, family in FAMILIES.items() if part in nodeid)
    return next(found, nodeid.partition("::")[0])


def rank_of(nodeid: str) -> int:
    """The place of a test's family among those that begin, or after them."""
    family = family_of(nodeid)
    return LONGEST.index(family) if family in LONGEST else len(LONGEST)


class FamilyScheduling(LoadScopeScheduling):
    """Hands out whole families, in the order in which their first tests stand."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        """As xdist makes it; the number of a family's tests says nothing of how long it takes."""
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return family_of(nodeid)
