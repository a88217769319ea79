"""The audit log in words: what an archiving has done, and when a site was cut."""

import pytest

from springtide.model.audit import AuditVerdict, RunSeal, Seal
from springtide.planning.audit_log import cut_limitation, seal_told
from tests.planning.fleet_world import START

RUN = RunSeal(run="evening", lines=4, head="0" * 64)


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        pytest.param((), "nothing new: seal 7 says that the worker is there", id="a sign of life"),
        pytest.param((RUN,), "seal 7 over 1 run", id="one run"),
        pytest.param((RUN, RUN), "seal 7 over 2 runs", id="two"),
    ],
)
def test_what_an_archiving_has_done(runs: tuple[RunSeal, ...], told: str) -> None:
    """How many runs have grown, or that there was nothing."""
    seal = Seal(worker="worker-1", number=7, previous="0" * 64, at=START, runs=runs)
    assert told == seal_told(seal)
    assert "nothing new" == seal_told(None)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        pytest.param(1, 1, None, id="as many"),
        pytest.param(2, 1, None, id="the copy comes later"),
        pytest.param(0, 1, "the second site has 1 seal, the first 0: it was cut", id="one more"),
        pytest.param(1, 3, "the second site has 3 seals, the first 1: it was cut", id="more"),
    ],
)
def test_a_site_that_was_cut(first: int, second: int, why: str | None) -> None:
    """The second site only copies: it has never more than the first."""
    sites = [
        AuditVerdict(site=site, seals=seals, runs=0, lines=0, findings=())
        for site, seals in (("first", first), ("second", second))
    ]
    assert why == cut_limitation(*sites)
