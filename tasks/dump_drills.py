"""Dumps put back into an empty server, to prove that they can be."""

import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

from prefect import task
from prefect.tasks import exponential_backoff

from springtide.clouds.postgres.dumps import GLOBALS
from springtide.clouds.postgres.scratch import ScratchServer
from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.model.backup import DrillOutcome
from springtide.model.postgres import DUMPS, PART_PATHS, PostgresSource
from springtide.vault.tree_restore import Restored, restore_tree
from tasks.database_restores import TABLES, drill_folder, kept_log
from tasks.restores import LATEST, chosen_for, reading
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder

_OWN_ROLE = "springtide_drill"
"""The scratch cluster is made with it, so that no role of the globals is there before them."""
_START_S = 300.0
_ROLES = f"SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> '{_OWN_ROLE}'"  # noqa: S608 - a constant


@task(
    task_run_name="drill the dumps of {source.name}",
    retries=2,
    retry_delay_seconds=exponential_backoff(20),
    retry_condition_fn=may_pass,
)
def drill_dumps(order: VaultOrder, source: PostgresSource) -> DrillOutcome:
    """Put the newest dumps, roles first, into an empty server; check and count; remove it again."""
    known: dict[str, object] = {"source": source.name, "part": DUMPS, "by": "springtide"}
    with reading(order) as repository, drill_folder(source) as folder:
        try:
            snapshot, others = chosen_for(repository, source, DUMPS, LATEST)
        except (Damaged, NotFound) as error:
            return DrillOutcome.model_validate(known | {"snapshot": "", "failure": str(error)})
        lost = repository.store.now() - snapshot.time
        known |= {"snapshot": snapshot.id, "recovery_point_s": max(0.0, lost.total_seconds())}
        known["unread"] = others
        began = time.monotonic()
        restored = restore_tree(repository, bytes.fromhex(snapshot.tree), folder)
        try:
            measured = _put_back(source, folder, restored)
        except (Damaged, Misconfigured) as error:
            return DrillOutcome.model_validate(known | {"failure": str(error)})
        took = {"restore_s": time.monotonic() - began}
    return DrillOutcome.model_validate(known | took | measured)


def _put_back(source: PostgresSource, folder: Path, restored: Restored) -> dict[str, object]:
    if restored.damaged:
        raise Damaged(f"{len(restored.damaged)} dumps are damaged in the vault")
    dumps = folder / PART_PATHS[DUMPS].strip("/")
    own = source.model_copy(update={"superuser": _OWN_ROLE})
    # A socket's path may have 107 characters, and a restore folder's more.
    with tempfile.TemporaryDirectory(prefix="springtide-pg-") as work:
        server = ScratchServer(own, folder / "cluster", Path(work))
        try:
            server.create()
            server.start(patience_s=_START_S)
            server.load_globals(dumps / GLOBALS)
            databases = {unquote(dump.stem): dump for dump in sorted(dumps.glob("*.dump"))}
            for name, dump in databases.items():
                server.load_dump(dump, name)
            tables = sum(int(server.ask(TABLES, name)[0][0]) for name in databases)
            roles = server.ask(_ROLES)[0][0]
            differences = server.check()
        except Damaged:
            kept_log(Path(work) / "server.log", folder)
            raise
        finally:
            server.end()
    return {
        "files": restored.files,
        "bytes": restored.bytes,
        "differences": differences,
        "checked": f"put into an empty server; roles: {roles}, databases: {len(databases)}, tables"
        f" checked: {tables}",
    }
