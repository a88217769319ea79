"""Lawful erasure as a flow, on two Swifts: ordered, signed, done at one site after the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect import State, flow
from typer.testing import CliRunner

from flows.document_erasure import erase_documents
from flows.guarded import guarded
from flows.object_storage_backup import back_up_to_object_storage, expire_backups, verify_backups
from flows.second_site import copy_to_second_site
from springtide.cli import app
from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome
from springtide.vault.erasure import read_condemned
from tasks.erasure import Erasure
from tests.flows.storage import SECRET, Storage, two_have_signed, wait_until_due

SOON = {"listing_lag": "PT0S", "grace": "PT10S", "resume_within": "PT0S"}
_RUNS = 24
"""More than there are steps: on a busy machine a run may be too slow for its step."""


@dataclass
class Signed(Erasure):
    """The change, signed by two before it is proposed."""

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """What two have signed."""
        return two_have_signed(proposal)


def carried_out(storage: Storage, vault: str, order: str) -> State[Any]:
    """The state in which the order ends there, once two have signed it."""

    @flow(name="erase-for-a-test")
    async def erase_it() -> State[ChangeOutcome]:
        change = Signed(storage.estate_file, vault, order)
        return await guarded(change, dry_run=False)

    return storage.run(erase_it)


@pytest.fixture
def pupil(sites: Storage, tmp_path: Path) -> tuple[Storage, str, Path]:
    """Both sites hold a pupil's documents; the order to erase them; where one of them stood."""
    gone = sites.source / "2024"
    sites.run(back_up_to_object_storage, source="documents")
    sites.run(copy_to_second_site, vault="documents-second")
    paths = tmp_path / "paths"
    paths.write_text("".join(f"{gone}/{SECRET}-{number}.txt\n" for number in range(3)))
    told = CliRunner().invoke(app, ["vault", "erasure-order", "documents", "--paths", str(paths)])
    assert 0 == told.exit_code, told.output
    return sites, told.output.splitlines()[0], gone


def test_an_order_is_carried_out_at_both_sites(pupil: tuple[Storage, str, Path]) -> None:
    """No snapshot has them, packs go by prune, and nothing that is shown names them."""
    storage, order, gone = pupil
    shown = storage.run(erase_documents, vault="documents", order=order)
    assert shown.is_failed()
    assert "3 of the 3 paths still stand at the source" in (shown.message or "")
    for number in range(3):
        (gone / f"{SECRET}-{number}.txt").unlink()
    shown = storage.run(erase_documents, vault="documents", order=order)
    assert "dry run: plan" in (shown.message or "")
    early = carried_out(storage, "documents-second", order)
    assert early.is_failed()
    assert "the first site comes first" in (early.message or "")
    for vault in ("documents", "documents-second"):
        done = carried_out(storage, vault, order)
        assert done.is_completed(), done.message
        (step, *_) = done.result().done
        assert "1 snapshot stored anew without 3 files" == step
        again = carried_out(storage, vault, order)
        assert "nothing to do" in (again.message or "")
        assert storage.run(verify_backups, vault=vault, everything=True).is_completed()
        told = storage.artifact("proposal-erase-documents")
        told += storage.artifact("outcome-erase-documents")
        assert "a@example.org" in told
        assert SECRET not in told
    copied = storage.run(copy_to_second_site, vault="documents-second").result()
    assert (0, 1) == (copied.copied, copied.present)


def test_expiry_brings_it_to_its_end(pupil: tuple[Storage, str, Path]) -> None:
    """The daily runs remove the packs, however little of them it is; others stay whole."""
    storage, order, gone = pupil
    storage.change("vaults", prune=SOON)
    for number in range(3):
        (gone / f"{SECRET}-{number}.txt").unlink()
    assert carried_out(storage, "documents", order).is_completed()
    left = 1
    for _ in range(_RUNS):
        state = storage.run(expire_backups, vault="documents", dry_run=False)
        assert state.is_completed(), state.message
        with storage.opened() as repository:
            left = len(read_condemned(repository))
        if not left:
            break
        wait_until_due(state.result())
    assert 0 == left
    assert storage.run(verify_backups, vault="documents", everything=True).is_completed()
    # The second site may follow some days later.
    again = carried_out(storage, "documents", order)
    assert "nothing to do" in (again.message or "")
    done = carried_out(storage, "documents-second", order)
    assert done.is_completed(), done.message
    again = carried_out(storage, "documents-second", order)
    assert "nothing to do" in (again.message or "")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param("/etc/passwd\n", "path 1 is not below what is backed up", id="elsewhere"),
        pytest.param("{source}/../x\n", "path 1 is not below", id="up and away"),
        pytest.param("{source}//x\n", "path 1 is not below", id="not in its shortest form"),
        pytest.param("{source}\n", "path 1 is not below", id="the whole source"),
        pytest.param("", "0 paths", id="nothing"),
    ],
)
def test_an_order_that_is_none(storage: Storage, tmp_path: Path, lines: str, said: str) -> None:
    """Refused by the line's number, which is no name."""
    paths = tmp_path / "paths"
    paths.write_text(lines.format(source=storage.source))
    told = CliRunner().invoke(app, ["vault", "erasure-order", "documents", "--paths", str(paths)])
    assert (2, True) == (told.exit_code, said in told.output), told.output
