"""The unmodified `openstack` command line, as an operator gives it several commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PATIENCE_S = 60


def openstack(clouds_yaml: Path, region: str, *commands: str) -> list[Any]:
    """What the commands print, as JSON, one after the other; those that print nothing left out.

    Given on its standard input, they share its start, which takes longer than all of them.
    """
    settings = {
        "OS_CLIENT_CONFIG_FILE": str(clouds_yaml),
        "OS_CLOUD": "sandbox",
        "OS_REGION_NAME": region,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("openstack"))],
        input="".join(f"{command}\n" for command in commands),
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    # At the end of its input it ends with 1, whatever became of the commands.
    assert "" == done.stderr
    return list(_documents(done.stdout))


def _documents(text: str) -> Iterator[Any]:
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].strip()
