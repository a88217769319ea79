"""The audit log's lifecycle: lines are sealed and stored, copied to another region, and verified.

Every run that changes anything writes its lines on its worker's machine first: no change waits for
object storage.
"""

import asyncio

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.audit import AuditVerdict, Seal
from springtide.planning.audit_log import (
    cut_limitation,
    seal_told,
    verdict_alarm,
    verdict_summary,
)
from springtide.planning.telling import amount
from tasks.audit_log import copy_audit_objects, seal_new_lines, show_verdicts, verify_audit_site
from tasks.cloud import read_estate
from tasks.outage import best_effort


@flow(name="archive-audit-log", flow_run_name="archive the audit log")
async def archive_audit_log() -> State[Seal | None]:
    """Store the worker's new lines at the first site, and sign how far each run has come.

    Runs on each machine that has a worker: the lines are on its disk.
    """
    path = estate_path()
    if read_estate(path).audit is None:
        return Completed(message="the estate keeps no audit log beyond this machine")
    seal = await asyncio.to_thread(seal_new_lines.submit(path).result)
    return Completed(message=seal_told(seal), data=seal)


@flow(name="copy-audit-log", flow_run_name="copy the audit log")
async def copy_audit_log() -> State[int]:
    """Copy what the second site lacks; nothing is ever removed or changed there.

    Runs where the second site's credential is, which the first site's writers do not have.
    """
    path = estate_path()
    audit = read_estate(path).audit
    if audit is None or audit.second is None:
        return Completed(message="the estate has no second site for the audit log")
    copied = await asyncio.to_thread(copy_audit_objects.submit(path).result)
    return Completed(message=f"{amount(copied, 'object')} copied", data=copied)


@flow(name="verify-audit-log", flow_run_name="verify the audit log")
async def verify_audit_log(*, days: int | None = 8) -> State[list[AuditVerdict]]:
    """Verify both sites; Failed where anything was changed, cut, taken away, or left unfinished.

    Args:
        days: Only the lines of runs that were sealed in so many days; empty: all of them. Seals
            are always verified from the first one.
    """
    path = estate_path()
    audit = read_estate(path).audit
    if audit is None:
        return Completed(message="the estate keeps no audit log beyond this machine")
    sites = ["first", "second"] if audit.second else ["first"]
    futures = [verify_audit_site.submit(path, site, days) for site in sites]
    verdicts = [await asyncio.to_thread(future.result) for future in futures]
    summary = "; ".join(map(verdict_summary, verdicts))
    with best_effort("outcome"):
        await asyncio.to_thread(show_verdicts, verdicts, summary)
    cut = cut_limitation(verdicts[0], verdicts[-1])
    if (alarm := "; ".join(filter(None, (cut, verdict_alarm(verdicts))))) != "":
        return Failed(message=alarm, data=verdicts)
    return Completed(message=summary, data=verdicts)
