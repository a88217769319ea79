"""Blobs become packs: two are open at once for each kind, and full ones are stored in parallel.

Which of the two takes a blob is left to chance, so that the sizes of packs and the order of blobs
tell an onlooker less about the chunks' sizes.

Source: restic 0.18, release notes: the mitigation of chunk-size fingerprinting (eprint 2025/558).
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from springtide.errors import Retryable
from springtide.model.object_storage import Store
from springtide.vault.blobs import BlobId, BlobKind, pack_name
from springtide.vault.packs import FinishedPack, OpenPack
from springtide.vault.sealing import SealingKey

PACK_BYTES = 32 * 1024 * 1024
"""A pack that holds so much is full."""
_OPEN_PACKS = 2
_UPLOADS = 4
"""Packs on their way at once: with the open ones some 250 MB of memory."""


class PackWriter:
    """Fills packs and stores them; safe to be used by several threads at once."""

    def __init__(
        self, store: Store, key: SealingKey, stored: Callable[[FinishedPack], None]
    ) -> None:
        """`stored` hears of each pack once the store has confirmed it; by any thread."""
        self._store, self._key, self._stored = store, key, stored
        self._lock = threading.Lock()
        self._open = {kind: [OpenPack() for _ in range(_OPEN_PACKS)] for kind in BlobKind}
        self._uploads = ThreadPoolExecutor(_UPLOADS, "springtide-upload")
        self._under_way: set[Future[None]] = set()
        self._unsent: deque[OpenPack | FinishedPack] = deque()

    def add(self, kind: BlobKind, blob: BlobId, sealed: bytes, raw: tuple[int, bool]) -> None:
        """Put a sealed blob into a pack; waits while too many packs are on their way.

        Raises:
            Retryable, Damaged, Misconfigured: an earlier pack could not be stored.
        """
        with self._lock:
            number = os.urandom(1)[0] % _OPEN_PACKS
            pack = self._open[kind][number]
            pack.add(kind, blob, sealed, raw)
            if pack.size < PACK_BYTES:
                return
            # Where this raises, the pack is still open, and the next flush sends it.
            self._wait_for_room()
            self._open[kind][number] = OpenPack()
            self._send(pack)

    def flush(self) -> None:
        """Store all that is open; returns when everything is confirmed.

        Raises:
            Retryable, Damaged, Misconfigured: a pack could not be stored; the next call of this
                sends it again.
        """
        with self._lock:
            while self._unsent:
                self._send(self._unsent.popleft())
            for kind, packs in self._open.items():
                full = [pack for pack in packs if pack.size]
                self._open[kind] = [OpenPack() for _ in range(_OPEN_PACKS)]
                for pack in full:
                    self._send(pack)
            while self._under_way:
                self._collect()

    def close(self) -> None:
        """Wait for what is on its way, and take no more."""
        self._uploads.shutdown(wait=True, cancel_futures=True)

    def _send(self, pack: OpenPack | FinishedPack) -> None:
        self._under_way.add(self._uploads.submit(self._upload, pack))

    def _wait_for_room(self) -> None:
        while len(self._under_way) >= _UPLOADS:
            self._collect()

    def _collect(self) -> None:
        """Wait until at least one is done; what went wrong with it is raised here."""
        done, self._under_way = wait(self._under_way, return_when=FIRST_COMPLETED)
        for each in done:
            each.result()

    def _upload(self, pack: OpenPack | FinishedPack) -> None:
        try:
            # Finished once: sealed anew it would have another name, and might stand there twice.
            pack = pack.finish(self._key) if isinstance(pack, OpenPack) else pack
            self._put(pack)
        except BaseException:
            self._unsent.append(pack)
            raise
        self._stored(pack)

    def _put(self, pack: FinishedPack) -> None:
        name = pack_name(pack.id)
        self._store.put(name, pack.data)
        # The confirmation of a write is one thing; that the pack is there is asked for itself.
        if self._store.size(name) != len(pack.data):
            raise Retryable(f"{name} was confirmed and is not there")
