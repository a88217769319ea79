"""Telling people: started by an automation when a flow fails, crashes or goes silent."""

from prefect import flow

from springtide.estate import estate_path
from tasks.cloud import read_estate
from tasks.notices import send_notice_to_webhook


@flow(name="send-notice", flow_run_name="notice: {subject}")
async def send_notice(subject: str, body: str = "") -> bool:
    """Send a notice to the webhook that the worker's environment names.

    Args:
        subject: What happened, in a line.
        body: More about it.
    """
    notices = read_estate(estate_path()).notices
    return await send_notice_to_webhook(notices, subject, body)
