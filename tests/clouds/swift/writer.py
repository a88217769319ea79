"""A backup into a Swift, in a process of its own that may be killed.

`python -m tests.clouds.swift.writer URL TOKEN PLACE FOLDER`; the place as JSON.
"""

import sys
from pathlib import Path

from springtide.clouds.swift.store import SwiftStore
from springtide.model.object_storage import StorePlace
from tests.object_stores import QUICK, RESIDENCY
from tests.vault.killed_writer import back_up

if __name__ == "__main__":
    url, token, place, folder = sys.argv[1:]
    store = SwiftStore(
        StorePlace.model_validate_json(place),
        lambda: (url, token),
        residency=RESIDENCY,
        # So that nothing else is under way when it is killed, and would arrive late.
        policy=QUICK.model_copy(update={"connections": 1}),
    )
    back_up(Path(folder), store, "small")
