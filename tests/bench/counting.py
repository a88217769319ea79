"""How many calls an opening and a closing take, counted by the sandbox."""

from tests.bench.figures import Figure
from tests.bench.runs import Pass, Runs
from tests.bench.stage import AT_ONCE, MINUTES, Terms

_BALANCER_POLL_S = 0.5
"""How often a member's leaving of a shared pool is looked after."""
SHAPES = ((300, 3), (30, 3), (30, 1))


def count_calls(runs: Runs, *, full: bool) -> list[Figure]:
    """Calls and polls of each opening and closing, with their bounds.

    `full`: boots of minutes with an unproven image too.
    """
    minutes = [_terms(n, r, boot=MINUTES) for n, r in SHAPES]
    if full:
        minutes += [_terms(n, r, boot=MINUTES, proven=False) for n, r in SHAPES]
    shared = [_terms(n, r, pool_kind="shared") for n, r in SHAPES]
    # They wait most of the time, and are counted: one does not disturb the other.
    runs.side_by_side(minutes, shared)
    at_once = [_terms(n, r) for n, r in SHAPES]
    for terms in at_once:
        runs.closed(terms)
    unproven = [_terms(n, r, proven=False) for n, r in SHAPES]
    figures: list[Figure] = []
    for terms in (*at_once, *minutes, *unproven):
        figures += _opening(terms, runs.opened(terms)[0].made)
    for terms in (*at_once, *shared):
        figures += _closing(terms, runs.closed(terms))
    return figures


def _terms(servers: int, regions: int, **changes: object) -> Terms:
    base = {"servers": servers, "regions": regions, "boot": AT_ONCE}
    return Terms.model_validate(base | changes)


def _opening(terms: Terms, opening: Pass) -> list[Figure]:
    case = f"open {terms}{'' if terms.proven else ', unproven'}"
    bound = terms.servers / 8 + 12 * terms.regions
    note = "" if terms.proven else "2 a region of them for the canary: its launch and its join"
    return [
        _figure(case, "calls", opening.others, bound, note),
        _looks(case, terms, opening),
    ]


def _closing(terms: Terms, closing: Pass) -> list[Figure]:
    case = f"close {terms.servers} in {terms.regions}, {terms.pool_kind} pools"
    each = 2 if terms.pool_kind == "shared" else 1
    figures = [
        _figure(case, "calls", closing.others, each * terms.servers + 12 * terms.regions),
        _looks(case, terms, closing),
    ]
    if terms.pool_kind == "shared":
        bound = closing.converged.seconds / _BALANCER_POLL_S * terms.regions
        figures.append(_figure(case, "balancer's status", closing.balancer_looks, bound))
    return figures


def _looks(case: str, terms: Terms, done: Pass) -> Figure:
    """Looks against one each interval, one at the beginning, and one after each round that acted.

    Each look is one listing of servers and one of members for each region.
    """
    looks = done.converged.seconds / terms.poll_interval_s + 1 + done.converged.rounds
    note = f"{done.listings / (2 * terms.regions):.0f} looks in {done.converged.seconds:.1f} s"
    return _figure(case, "polls", done.listings, looks * 2 * terms.regions, note)


def _figure(case: str, what: str, value: int, bound: float, note: str = "") -> Figure:
    return Figure(bench="calls", case=case, what=what, value=value, bound=bound, note=note)
