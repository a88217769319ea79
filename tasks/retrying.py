"""When a task is tried again."""

from prefect import State

from springtide.errors import Retryable


def may_pass(_task: object, _run: object, state: State[object]) -> bool:
    """Whether another try may help."""
    return isinstance(state.data, Retryable)
