"""Notices to people, by a webhook whose URL only the worker knows."""

import os

from prefect import State, get_run_logger, task

from springtide.clouds.webhook import post_notice
from springtide.errors import Misconfigured
from springtide.model.estate import Notices


def _may_pass(_task: object, _run: object, state: State[bool]) -> bool:
    """Whether another try may help: a webhook that refuses for good is left alone."""
    return not isinstance(state.data, Misconfigured)


@task(
    task_run_name="notify: {subject}",
    retries=3,
    retry_delay_seconds=[2, 10, 60],
    # Many fail at once where a cloud does, and their notices must not come again all at once.
    retry_jitter_factor=0.5,
    retry_condition_fn=_may_pass,
)
async def send_notice_to_webhook(notices: Notices, subject: str, body: str) -> bool:
    """Post the notice; False where no webhook is set.

    Raises:
        Retryable: the webhook did not take it, after the last retry.
        Misconfigured: it refuses it for good.
    """
    url = os.environ.get(notices.webhook_env)
    if not url:
        get_run_logger().warning("notice=not-sent why=%s is not set", notices.webhook_env)
        return False
    await post_notice(url, subject, body)
    return True
