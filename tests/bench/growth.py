"""How a surge grows: the same opening with more servers over more regions."""

from tests.bench.figures import Figure
from tests.bench.runs import Runs
from tests.bench.stage import Terms

_SIZES = ((100, 1), (300, 3), (1000, 5))


def measure_growth(runs: Runs) -> list[Figure]:
    """Seconds, calls, memory and processor time; no bound: 1,000 is beyond what is promised."""
    figures = []
    for servers, regions in _SIZES:
        terms = Terms(servers=servers, regions=regions)
        floor_s = runs.bare_s(terms, wave_servers=terms.wave_servers)
        made = runs.opened(terms)[0].made
        converged = made.converged
        for what, value, unit in (
            ("bare client, waves", floor_s, "s"),
            ("ours", converged.seconds, "s"),
            ("calls", float(made.others), ""),
            ("polls", float(made.listings), ""),
            ("most resident", converged.greatest_mib, "MiB"),
            ("processor time", converged.cpu_s, "s"),
        ):
            case = str(terms)
            figures.append(Figure(bench="growth", case=case, what=what, value=value, unit=unit))
    return figures
