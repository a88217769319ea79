"""What we add to the cloud's own time, and the memory that it takes."""

from statistics import median

from tests.bench.counting import SHAPES
from tests.bench.figures import Figure
from tests.bench.runs import Opening, Runs
from tests.bench.stage import AT_ONCE, MINUTES, Terms

_SHARE, _SPARE_S = 0.2, 5.0
"""The most that we may add: a share of the cloud's own time and some seconds."""
_TIMES = 3


def time_overhead(runs: Runs) -> list[Figure]:
    """Seconds to all serving beside the bare client's, and what is added at most."""
    minutes = [Terms(servers=n, regions=r, boot=MINUTES) for n, r in SHAPES]
    runs.side_by_side(minutes)
    figures: list[Figure] = []
    for servers, regions in SHAPES:
        terms = Terms(servers=servers, regions=regions)
        floor_s = min(runs.bare_s(terms, wave_servers=size) for size in (1, terms.wave_servers))
        for size in (1, terms.wave_servers):
            seconds = runs.bare_s(terms, wave_servers=size)
            figures.append(_seconds(str(terms), f"bare client, {size} a POST", seconds))
        closing_s = runs.closed(terms).converged.seconds
        figures += _ours(terms, runs.opened(terms, times=_TIMES), floor_s)
        unproven = runs.opened(terms.model_copy(update={"proven": False}))
        figures.append(_seconds(f"{terms}, unproven", "ours", _opened_s(unproven)))
        figures.append(_seconds(str(terms), "closing, ours", closing_s))
    for terms in minutes:
        openings = runs.opened(terms)
        at_once = terms.model_copy(update={"boot": AT_ONCE})
        floor_s = min(runs.bare_s(at_once, wave_servers=size) for size in (1, terms.wave_servers))
        figures += _ours(terms, openings, floor_s + openings[0].longest_boot_s)
    return figures


def compare_waves(runs: Runs) -> list[Figure]:
    """Seconds of 300 servers by the size of the waves, bare and ours."""
    figures = []
    for size in (8, 16, 32):
        terms = Terms(servers=300, wave_servers=size)
        bare_s = runs.bare_s(terms, wave_servers=size)
        ours_s = _opened_s(runs.opened(terms))
        for who, seconds in (("bare client", bare_s), ("ours", ours_s)):
            what = f"{who}, waves of {size}"
            figures.append(
                Figure(bench="waves", case=str(terms), what=what, value=seconds, unit="s")
            )
    return figures


def measure_memory(runs: Runs) -> list[Figure]:
    """The most memory of a process that opens, and the processor time that it takes."""
    figures = []
    for servers, boot in ((30, AT_ONCE), (300, AT_ONCE), (300, MINUTES)):
        terms = Terms(servers=servers, boot=boot)
        made = runs.opened(terms)[0].made.converged
        for what, value, unit in (
            ("most resident", made.greatest_mib, "MiB"),
            ("processor time", made.cpu_s, "s"),
        ):
            case = f"open {terms}"
            figures.append(Figure(bench="memory", case=case, what=what, value=value, unit=unit))
    return figures


def _ours(terms: Terms, openings: list[Opening], floor_s: float) -> list[Figure]:
    case, opened_s = str(terms), _opened_s(openings)
    opening = openings[0].made
    posts, puts = opening.asked_at_s["POST compute"], opening.asked_at_s["PUT load-balancer"]
    made_of = f"first POST {posts[0]:.2f}, last {posts[-1]:.2f}, last join {puts[-1]:.2f} s"
    return [
        _seconds(case, "the cloud's own", floor_s),
        _seconds(case, "ours", opened_s, note=made_of),
        Figure(
            bench="overhead",
            case=case,
            what="added by us",
            value=opened_s - floor_s,
            unit="s",
            bound=_SHARE * floor_s + _SPARE_S,
        ),
    ]


def _opened_s(openings: list[Opening]) -> float:
    return median(opening.made.converged.seconds for opening in openings)


def _seconds(case: str, what: str, value: float, *, note: str = "") -> Figure:
    return Figure(bench="overhead", case=case, what=what, value=value, unit="s", note=note)
