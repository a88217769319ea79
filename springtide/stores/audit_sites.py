"""The audit log's sites and keys, opened by the estate."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from springtide.auditing.archive import archive
from springtide.auditing.verification import Signatory, verify
from springtide.clouds.audit import FOLDER_VARIABLE, named_folder, worker_name
from springtide.clouds.ssh_signatures import Signatures, sign
from springtide.clouds.swift.opening import open_swift_store
from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Misconfigured
from springtide.estate import audit_files
from springtide.model.audit import SEAL_NAMESPACE, AuditPolicy, AuditVerdict, Seal
from springtide.model.estate import Estate


def audit_policy(estate: Estate) -> AuditPolicy:
    """What the estate says of its audit log.

    Raises:
        Misconfigured: nothing.
    """
    if estate.audit is None:
        told = f"the estate has none: the lines stand on this machine alone (${FOLDER_VARIABLE})"
        raise Misconfigured(told, field="audit")
    return estate.audit


def audit_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where this machine's runs write their lines.

    Raises:
        Misconfigured: the environment does not say.
    """
    if (folder := named_folder(environment)) is not None:
        return folder
    raise Misconfigured("it is not set", field=FOLDER_VARIABLE, allowed="a folder")


def open_site(estate: Estate, which: str) -> SwiftStore:
    """The store of the `first` or the `second` site; nothing is asked before its first call.

    Raises:
        Misconfigured: there is no such site, or it is outside the residency.
    """
    policy = audit_policy(estate)
    site = {"first": policy.site, "second": policy.second}.get(which)
    if site is None:
        known = "first, second" if policy.second else "first"
        raise Misconfigured(f"no site {which!r}", field="site", allowed=known)
    return open_swift_store(site.cloud or estate.cloud, site.place, residency=estate.residency)


def seal_new_lines(estate: Estate) -> Seal | None:
    """This machine's new lines are at the first site, and under the seal; None: there are none.

    Once a day there is one over no lines.

    Raises:
        Misconfigured: the estate, the environment or the key is wrong.
        Damaged: the lines were changed here before they were sealed.
        GuardRefused: another program is archiving.
    """
    policy = audit_policy(estate)
    key, folder, worker = Path(policy.key_file), audit_folder(), worker_name()
    with open_site(estate, "first") as store:
        store.make_container()
        return archive(
            folder,
            store,
            worker=worker,
            sign=lambda text: sign(text, key, namespace=SEAL_NAMESPACE),
            keep_days=policy.keep_local_days,
        )


def verify_site(estate: Estate, estate_file: Path, site: str, days: int | None) -> AuditVerdict:
    """What stands at that site; with `days` only runs that were sealed in so many days.

    Raises:
        Misconfigured: there is no such site, or a file of keys is missing.
    """
    signer, retired = _signatory(estate, estate_file), audit_policy(estate).retired_workers
    with open_site(estate, site) as store:
        since = store.now() - timedelta(days=days) if days else None
        return verify(store, signer, site=site, since=since, retired=retired)


def _signatory(estate: Estate, estate_file: Path) -> Signatory:
    allowed, revoked = audit_files(audit_policy(estate), estate_file)
    signatures = Signatures(allowed, revoked, namespace=SEAL_NAMESPACE)
    return lambda seal, signature: signatures.verify(seal, signature).name
