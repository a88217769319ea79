"""An evening without faults: it opens, is kept, and closes without a trace."""

from springtide.model.outcome import Ending
from tests.convergence.stage import Stage


def test_opens_and_closes(stage: Stage) -> None:
    """Ten servers serve, a second convergence has nothing to do, and closing leaves nothing."""
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    stage.assert_stands(10)
    assert () == stage.converge().rounds
    assert Ending.SETTLED is stage.close().ending
    stage.assert_stands(0)
    assert 3 == len(stage.members(ours=False))
