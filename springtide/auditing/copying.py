"""The copy at another site: whatever stands at the first and not yet at the second."""

from springtide.auditing.objects import RUNS, SEALS
from springtide.errors import Damaged
from springtide.model.object_storage import Store


def copy_new(first: Store, second: Store) -> int:
    """How many objects were copied; what stands at both is left alone, and none is ever removed.

    Lines go before seals, so that no seal stands at the second site without what it covers.

    Raises:
        Damaged: an object has another size there.
    """
    copied = 0
    for prefix in (RUNS, SEALS):
        there = {each.name: each.size for each in second.listing(prefix)}
        for each in first.listing(prefix):
            if each.name not in there:
                second.put(each.name, first.get(each.name))
                copied += 1
            elif there[each.name] != each.size:
                raise Damaged(f"{each.name} has another size there", objects=(each.name,))
    return copied
