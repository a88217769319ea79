"""Verification: whatever is changed, moved, cut or taken away is found and named."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from springtide.auditing.copying import copy_new
from springtide.errors import Damaged
from springtide.model.audit import AuditLine, SignedSeal, digest_of
from tests.auditing.journals import (
    LONG_AGO,
    Later,
    aged,
    doubts,
    sealed,
    signature_of,
    verified,
    write,
)
from tests.vault.folder_store import FolderStore

ONE, TWO, WORKER = "run one", "run two", "worker worker-1"
Damage = Callable[[Path], None]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two runs under three seals, nothing wrong with them."""
    folder, site = tmp_path / "audit", tmp_path / "site"
    store = FolderStore(site)
    write(folder, "one", 2)
    sealed(folder, store)
    write(folder, "two", 2)
    sealed(folder, store)
    write(folder, "one")
    sealed(folder, store)
    assert [] == doubts(store)
    return site


def change(name: str, old: str, new: str) -> Damage:
    """One object, told otherwise."""

    def damage(site: Path) -> None:
        path = site / name
        text = path.read_text("utf-8")
        assert re.search(old, text)
        path.write_text(re.sub(old, new, text, count=1), "utf-8")

    return damage


def remove(*names: str) -> Damage:
    """Objects that are gone."""

    def damage(site: Path) -> None:
        for name in names:
            (site / name).unlink()

    return damage


def reorder(name: str) -> Damage:
    """The first two lines of an object, the other way round."""

    def damage(site: Path) -> None:
        first, second, *rest = (site / name).read_bytes().splitlines(keepends=True)
        (site / name).write_bytes(b"".join([second, first, *rest]))

    return damage


def cut(name: str) -> Damage:
    """An object without its last line, and named for what is left."""

    def damage(site: Path) -> None:
        path = site / name
        lines = path.read_bytes().splitlines(keepends=True)[:-1]
        first = int(path.stem.partition("-")[0])
        path.unlink()
        path.with_name(f"{first:08d}-{first + len(lines) - 1:08d}.jsonl").write_bytes(
            b"".join(lines)
        )

    return damage


def retell(site: Path) -> None:
    """A run told anew from its beginning: a sound chain, and not the one that was sealed."""
    folder = site.parent / "forged"
    write(folder, "two", 2)
    forged = (folder / "two.jsonl").read_bytes()
    (site / "runs/two/00000001-00000004.jsonl").write_bytes(forged)


def sign_by_another(site: Path) -> None:
    """A worker's seal with the signature of somebody else whose key counts."""
    path = site / "seals/worker-1/00000002.json"
    signed = SignedSeal.model_validate_json(path.read_bytes())
    other = SignedSeal(seal=signed.seal, signature=signature_of(signed.seal, "worker-2"))
    path.write_text(other.model_dump_json(), "utf-8")


FIRST, LAST = "runs/one/00000001-00000004.jsonl", "runs/one/00000005-00000006.jsonl"
RUN_TWO = "runs/two/00000001-00000004.jsonl"
SEALS = [f"seals/worker-1/0000000{number}.json" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(change(FIRST, "/servers/0", "/servers/7"), [("changed", ONE)], id="a-line"),
        pytest.param(change(LAST, "unknown", "refused"), [("changed", ONE)], id="the-last-line"),
        pytest.param(reorder(RUN_TWO), [("changed", TWO)], id="two-lines-exchanged"),
        pytest.param(cut(RUN_TWO), [("cut", TWO)], id="a-tail-cut"),
        pytest.param(remove(LAST), [("cut", ONE)], id="the-last-object-gone"),
        pytest.param(remove(FIRST), [("missing", ONE), ("cut", ONE)], id="the-first-object-gone"),
        pytest.param(remove(RUN_TWO), [("missing", TWO)], id="a-run-gone"),
        pytest.param(retell, [("changed", TWO)], id="a-run-told-anew"),
        pytest.param(remove(SEALS[1]), [("missing", WORKER)], id="a-seal-gone"),
        pytest.param(
            change(SEALS[1], r'\\"lines\\": 4', r'\\"lines\\": 3'),
            [("unsigned", WORKER), ("changed", WORKER), ("changed", TWO)],
            id="a-seal-changed",
        ),
        pytest.param(change(SEALS[0], "^.", ""), [("changed", WORKER)], id="a-seal-unreadable"),
        pytest.param(sign_by_another, [("unsigned", WORKER)], id="another-worker's-signature"),
    ],
)
def test_damage_is_found_and_named(
    site: Path, damage: Damage, expected: list[tuple[str, str]]
) -> None:
    """Just what was done is told."""
    damage(site)
    found = doubts(FolderStore(site))
    # Seals beside a removed one may name runs by then unknown: what matters is that all is told.
    assert [] == [each for each in expected if each not in found]
    assert {subject for _, subject in expected} == {subject for _, subject in found}


def test_each_line_changed_is_found(site: Path) -> None:
    """Whichever line it is, of whichever run."""
    for path in sorted(site.glob("runs/*/*.jsonl")):
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        for position in range(len(lines)):
            changed = lines[position].replace(b'"why": "why"', b'"why": "because"')
            path.write_bytes(b"".join([*lines[:position], changed, *lines[position + 1 :]]))
            assert [("changed", f"run {path.parent.name}")] == doubts(FolderStore(site))
        path.write_bytes(whole)


def test_an_old_intent_without_outcome_is_told(tmp_path: Path) -> None:
    """One of a run that was killed, with what it was about; one of this minute is under way."""
    folder, store = tmp_path / "audit", FolderStore(tmp_path / "site")
    write(folder, "killed", outcomes=False)
    aged(folder, "killed")
    write(folder, "running", outcomes=False)
    sealed(folder, store)
    (found,) = verified(store).findings
    assert ("unfinished", "run killed") == (found.doubt.value, found.subject)
    assert "POST /servers/0 in GRA11: why" in found.detail


def test_lines_that_nobody_seals_are_told(tmp_path: Path) -> None:
    """Lines stored by an archiving that died and was never followed by another."""
    folder, store = tmp_path / "audit", FolderStore(tmp_path / "site")
    write(folder, "one")
    aged(folder, "one")
    sealed(folder, store)
    (tmp_path / "site/seals/worker-1/00000001.json").unlink()
    assert [("unsealed", "run one")] == doubts(store)


def forge(site: Path, at: datetime, *later: datetime) -> None:
    """A run of one act in that site that no worker has written, its lines of these times."""
    folder = site.parent / "forged"
    write(folder, "forged")
    aged(folder, "forged", at, *later)
    (site / "runs/forged").mkdir()
    (folder / "forged.jsonl").rename(site / "runs/forged/00000001-00000002.jsonl")


FAR = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param((FAR,), ["ahead"], id="all-yet-to-come"),
        pytest.param((LONG_AGO, FAR), ["unsealed", "ahead"], id="the-last-yet-to-come"),
        pytest.param((FAR, LONG_AGO), ["unsealed", "ahead"], id="the-first-yet-to-come"),
    ],
)
def test_lines_that_are_appended_with_a_time_of_choice(
    site: Path, times: tuple[datetime, ...], expected: list[str]
) -> None:
    """Neither a time that has not come nor one line of such a time hides what is under no seal."""
    forge(site, *times)
    assert [(doubt, "run forged") for doubt in expected] == doubts(FolderStore(site))


def test_a_clock_that_is_ahead_by_minutes_is_no_doubt(site: Path) -> None:
    """The store's clock, set back by five minutes less a little, and by a little more."""
    assert [] == doubts(Later(site, -timedelta(minutes=4, seconds=30)))
    behind = Later(site, -timedelta(minutes=5, seconds=30))
    assert [("ahead", ONE), ("ahead", TWO)] == doubts(behind)


@pytest.mark.parametrize(
    ("odd", "detail"),
    [
        pytest.param({"newer": 1}, "line 7 (and 1 more) is no audit line", id="a-further-field"),
        pytest.param({"step": "done"}, "line 7 (and 1 more) is no", id="a-value-that-is-none"),
        pytest.param("[" * 100_000, "line 7 does not follow", id="what-no-reader-reads"),
    ],
)
def test_an_odd_line_is_told_and_the_others_are_read(
    site: Path, odd: dict[str, object] | str, detail: str
) -> None:
    """It follows in the chain and is no line: one finding, beside those of other runs."""
    (site / RUN_TWO).unlink()
    lines = (site / LAST).read_bytes().splitlines()
    for number in (7, 8):
        known = json.loads(lines[1]) | {"number": number, "previous": digest_of(lines[-1])}
        lines.append(odd.encode() if isinstance(odd, str) else json.dumps(known | odd).encode())
    (site / "runs/one/00000007-00000008.jsonl").write_bytes(b"\n".join([*lines[2:], b""]))
    found = verified(FolderStore(site)).findings
    assert [("changed", ONE), ("missing", TWO)] == [(f.doubt.value, f.subject) for f in found]
    assert detail in found[0].detail


def test_an_archive_that_stopped_is_told(tmp_path: Path) -> None:
    """Its lines stay on the worker's disk, so nothing of them is here: its seals have ceased."""
    folder, site = tmp_path / "audit", tmp_path / "site"
    write(folder, "one")
    sealed(folder, FolderStore(site))
    write(folder, "two", 5)
    assert [] == doubts(Later(site, timedelta(hours=25, minutes=59)))
    late = Later(site, timedelta(hours=26, seconds=1))
    (found,) = verified(late).findings
    assert ("unsealed", WORKER) == (found.doubt.value, found.subject)
    assert "its newest seal, 1, is of " in found.detail


def test_a_worker_without_changes_signs_that_it_lives(tmp_path: Path) -> None:
    """Once a day, so that weeks without a change are no finding."""
    folder, site = tmp_path / "audit", tmp_path / "site"
    for days in range(5):
        now = Later(site, timedelta(days=days))
        seal = sealed(folder, now)
        assert seal is not None
        assert (days + 1, ()) == (seal.number, seal.runs)
        assert sealed(folder, Later(site, timedelta(days=days, hours=23))) is None
        assert [] == doubts(Later(site, timedelta(days=days, hours=25)))


def test_a_worker_that_is_gone_for_good_is_not_waited_for(tmp_path: Path) -> None:
    """The estate names it; what it has sealed counts as before, and the others are waited for."""
    folder, site = tmp_path / "audit", tmp_path / "site"
    write(folder, "one")
    sealed(folder, FolderStore(site))
    write(tmp_path / "other", "two")
    sealed(tmp_path / "other", FolderStore(site), "worker-2")
    verdict = verified(Later(site, timedelta(days=9)), retired=("worker-1",))
    assert ["worker worker-2"] == [each.subject for each in verdict.findings]
    assert (2, 4) == (verdict.seals, verdict.lines)


def test_since_leaves_older_runs_out(site: Path) -> None:
    """Their seals are verified all the same."""
    later = datetime.now(UTC) + timedelta(hours=1)
    verdict = verified(FolderStore(site), since=later)
    assert (3, 0, 0) == (verdict.seals, verdict.runs, verdict.lines)


def test_the_copy_is_as_good(site: Path, tmp_path: Path) -> None:
    """All objects, once; what has another size there is refused by its name."""
    first, second = FolderStore(site), FolderStore(tmp_path / "second")
    assert 6 == copy_new(first, second)
    assert 0 == copy_new(first, second)
    assert verified(first).model_copy(update={"site": "second"}) == verified(second).model_copy(
        update={"site": "second"}
    )
    (tmp_path / "second" / FIRST).write_bytes(b"short")
    with pytest.raises(Damaged, match=re.escape(FIRST)):
        copy_new(first, second)


def test_a_line_says_all_that_the_page_promises(site: Path) -> None:
    """Time, run, who, approvers, what, from and to, result: by these names."""
    line = json.loads((site / FIRST).read_bytes().splitlines()[1])
    assert [] == [name for name in AuditLine.model_fields if name not in line | {"request_id": ""}]
