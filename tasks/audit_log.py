"""The audit log beyond this machine: archived and sealed, copied, verified."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_table_artifact

from springtide.auditing.copying import copy_new
from springtide.model.audit import AuditVerdict, Seal
from springtide.planning.audit_log import verdict_rows
from springtide.stores import audit_sites
from springtide.stores.audit_sites import open_site
from tasks.cloud import read_estate
from tasks.retrying import may_pass


@task(
    task_run_name="seal new lines",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def seal_new_lines(estate_file: Path) -> Seal | None:
    """The seal over what this machine's runs have written since the last one; None: nothing."""
    return audit_sites.seal_new_lines(read_estate(estate_file))


@task(
    task_run_name="copy to the second site",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def copy_audit_objects(estate_file: Path) -> int:
    """How many objects the second site lacked, and has now."""
    estate = read_estate(estate_file)
    with open_site(estate, "first") as first, open_site(estate, "second") as second:
        second.make_container()
        return copy_new(first, second)


@task(
    task_run_name="verify the {site} site",
    retries=2,
    retry_delay_seconds=30,
    retry_condition_fn=may_pass,
)
def verify_audit_site(estate_file: Path, site: str, days: int | None) -> AuditVerdict:
    """What stands at that site; with `days` only runs that were sealed in so many days."""
    return audit_sites.verify_site(read_estate(estate_file), estate_file, site, days)


@task(task_run_name="show the verdict")
def show_verdicts(verdicts: list[AuditVerdict], summary: str) -> None:
    """Show a table with what was found; each run adds a version to its history."""
    create_table_artifact(verdict_rows(verdicts), key="audit-log", description=summary)
