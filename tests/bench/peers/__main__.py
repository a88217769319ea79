"""`make bench-peers`: Springtide beside what people use today, and beside the least there can be.

`python -m tests.bench.peers --servers 30 96 --rounds 3 [--contestants NAME …] [--json FILE]`, on a
running test bed. Everybody opens and closes the same servers in the same region and pool.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.bench.peers.contestants import CONTESTANTS
from tests.bench.peers.ground import TESTBED, Ground, sandbox_ground, testbed_ground
from tests.bench.peers.measuring import Bench, rotated
from tests.bench.peers.report import table
from tests.bench.peers.results import Results
from tests.bench.peers.watching import Watcher

_PATIENCE_S = 1800.0
_NAMES = tuple(contestant.name for contestant in CONTESTANTS)
_LOCK = Path(__file__).with_name("ansible.lock")


def main() -> int:
    """Measure; 1 where a contestant failed."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, _end)
    console = Console(highlight=False, soft_wrap=True)
    with _ground(asked) as ground:
        ground.folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(ground, Watcher.on(ground), asked.patience, console.print)
        if any(bench.watcher.left()):
            console.print("servers and members of a bench that was killed: they are removed first")
            bench.empty()
        results = _measure(bench, asked)
    console.print(table([results]))
    return 1 if any(run.failures for run in results.runs) else 0


def _end(number: int, _frame: FrameType | None) -> None:
    """Leave through every `finally`: a contestant must not outlive the bench."""
    sys.exit(128 + number)


def _measure(bench: Bench, asked: argparse.Namespace) -> Results:
    """Every run; the file has all that are through, should the bench be ended."""
    wanted = [contestant for contestant in CONTESTANTS if contestant.name in asked.contestants]
    for contestant in wanted:
        contestant.prepare(bench.ground)
    results = Results.begun(bench.ground.kind, _LOCK)
    for servers in asked.servers:
        for number in range(asked.rounds):
            for contestant in rotated(wanted, number):
                results = results.with_run(bench.run(contestant, servers, number + 1))
                if asked.json:
                    asked.json.write_text(results.model_dump_json(indent=1) + "\n", "utf-8")
    return results


@contextmanager
def _ground(asked: argparse.Namespace) -> Iterator[Ground]:
    if not asked.sandbox:
        with testbed_ground(asked.testbed) as ground:
            yield ground
        return
    with (
        tempfile.TemporaryDirectory(prefix="springtide-peers-") as name,
        sandbox_ground(asked.folder or Path(name)) as ground,
    ):
        yield ground


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--servers", type=int, nargs="+", default=[30, 96], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contestants", nargs="+", choices=_NAMES, default=_NAMES, metavar="NAME")
    parser.add_argument("--json", type=Path, help="Write the results there, run by run.")
    parser.add_argument("--testbed", type=Path, default=TESTBED, help="The test bed's folder.")
    parser.add_argument("--patience", type=float, default=_PATIENCE_S, help="Seconds a command.")
    parser.add_argument("--sandbox", action="store_true", help="Try it on a sandbox instead.")
    parser.add_argument("--folder", type=Path, help="The sandbox's; else one that is removed.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
