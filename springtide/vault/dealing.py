"""Which of several runs backs up what of a large source: each entry is dealt to one of them."""

import hashlib
from dataclasses import dataclass

from springtide.vault.nodes import NodeKind


@dataclass(frozen=True)
class Shard:
    """One of several shards that are together all of a source, each backed up by a run of its own.

    Entries are dealt by their names, `depth` directories below the source's path; directories above
    are in all shards, and other entries above in one. So trees laid over each other are the whole.
    """

    number: int
    """From 1."""
    of: int
    depth: int = 1

    def holds(self, path: bytes, kind: NodeKind) -> bool:
        """Whether what stands at that path, relative to the source's, is dealt to this shard."""
        level = path.count(b"/") + 1
        if self.of == 1 or level > self.depth:
            return True
        if level < self.depth and kind is NodeKind.DIRECTORY:
            return True
        dealt = int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "big")
        return dealt % self.of == self.number - 1


WHOLE = Shard(1, 1)
