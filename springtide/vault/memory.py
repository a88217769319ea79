"""One heap for all threads, as packs of 32 MiB come and go by several of them.

glibc gives each thread a heap of its own, and each keeps what it once had. With one for all, a
backup of 1 GiB was measured to take a fifth less time: pages need not be cleared anew.
"""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
"""Source: glibc, `malloc.h`."""


def share_one_heap() -> None:
    """Have threads that begin from now on share one heap; no change where it is not glibc's."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
