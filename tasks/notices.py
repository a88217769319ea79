"""Notices to people, by a webhook whose URL only the worker knows."""

import os

import httpx
from prefect import get_run_logger, task

from springtide.model.estate import Notices


@task(task_run_name="notify: {subject}", retries=3, retry_delay_seconds=[2, 10, 60])
async def send_notice_to_webhook(notices: Notices, subject: str, body: str) -> bool:
    """Post the notice as JSON (`subject`, `text`); False where no webhook is set.

    Raises:
        httpx.HTTPError: the webhook refused or did not answer, after the last retry.
    """
    url = os.environ.get(notices.webhook_env)
    if not url:
        get_run_logger().warning("notice not sent: %s is not set", notices.webhook_env)
        return False
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(url, json={"subject": subject, "text": f"{subject}\n{body}"})
        answer.raise_for_status()
    return True
