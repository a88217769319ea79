"""The audit log: an intent before each change and an outcome after it, and nothing secret."""

import json
import resource
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from springtide.clouds.audit import AuditLog, Values
from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import CapacityExhausted, GuardRefused, Misconfigured
from springtide.model.audit import broken_at
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage, a_launch, an_estate
from tests.environment import environment


def lines_of(path: Path) -> list[dict[str, object]]:
    """What the log says."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_change_leaves_intent_and_outcome(tmp_path: Path) -> None:
    """Both name the act, who, where, what and why; the outcome how it ended."""
    audit, path = AuditLog(tmp_path, run="run-1", who="evening"), tmp_path / "run-1.jsonl"
    with audit.change("PUT", "/p", region="GRA11", service="load-balancer", why="3 join") as act:
        assert ["intent"] == [line["step"] for line in lines_of(path)]
        act.result, act.request_id = "done", "req-1"
    intent, outcome = lines_of(path)
    both = {
        "run": "run-1",
        "who": "evening",
        "act": 1,
        "region": "GRA11",
        "service": "load-balancer",
        "method": "PUT",
        "path": "/p",
        "why": "3 join",
    }
    assert both.items() <= intent.items()
    assert both.items() <= outcome.items()
    assert ("outcome", "done", "req-1") == (
        outcome["step"],
        outcome["result"],
        outcome["request_id"],
    )


def test_the_log_is_its_owners_alone(tmp_path: Path) -> None:
    """Folder and file are made with modes 0700 and 0600."""
    folder = tmp_path / "audit"
    with AuditLog(folder, run="r", who="w").change("PUT", "/", region="", service="", why="why"):
        pass
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE((folder / "r.jsonl").stat().st_mode)


def test_without_its_trace_nothing_is_done(tmp_path: Path) -> None:
    """A log that cannot be written refuses the change before it is made."""
    (tmp_path / "r.jsonl").mkdir()
    audit, entered = AuditLog(tmp_path, run="r", who="w"), []
    change = audit.change("PUT", "/", region="", service="", why="why")
    with pytest.raises(GuardRefused), change:
        entered.append(1)
    assert [] == entered


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    """Two hundred changes of eight threads: each act has its two lines."""
    audit, path = AuditLog(tmp_path, run="r", who="w"), tmp_path / "r.jsonl"

    def change_often() -> None:
        for _ in range(25):
            with audit.change("PUT", "/", region="GRA11", service="compute", why="why"):
                pass

    threads = [Thread(target=change_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    acts = Counter(line["act"] for line in lines_of(path))
    assert (200, {2}) == (len(acts), set(acts.values()))
    assert broken_at(path.read_bytes().splitlines(), "r") is None


def a_change(audit: AuditLog, values: Values | None = None) -> None:
    """One change that ends well."""
    with audit.change(
        "PUT", "/", region="GRA11", service="compute", why="why", values=values
    ) as act:
        act.result = "done"


def test_a_run_that_was_killed_goes_on_with_its_chain(tmp_path: Path) -> None:
    """Another process of the same run follows the last line, also where its act has no outcome."""
    path = tmp_path / "r.jsonl"
    a_change(AuditLog(tmp_path, run="r", who="w"))
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    a_change(AuditLog(tmp_path, run="r", who="w"))
    lines = lines_of(path)
    assert [(1, 1), (2, 2), (3, 2)] == [(line["number"], line["act"]) for line in lines]
    assert broken_at(path.read_bytes().splitlines(), "r") is None


@pytest.mark.parametrize("kept", [1, 40, 199])
def test_a_torn_line_is_taken_back(tmp_path: Path, kept: int) -> None:
    """What a full disk left of a line is no line: the next one follows the last whole one."""
    path = tmp_path / "r.jsonl"
    a_change(AuditLog(tmp_path, run="r", who="w"))
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    a_change(AuditLog(tmp_path, run="r", who="w"))
    assert ["intent", "intent", "outcome"] == [line["step"] for line in lines_of(path)]
    assert broken_at(path.read_bytes().splitlines(), "r") is None


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond that, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("left", [0, 1, 100])
def test_what_is_written_in_part_is_not_done(tmp_path: Path, left: int) -> None:
    """The disk takes some bytes of a line and tells no error; with room again the chain goes on."""
    audit, path, entered = AuditLog(tmp_path, run="r", who="w"), tmp_path / "r.jsonl", []
    a_change(audit)
    with room_for(path.stat().st_size + left):
        for _ in range(3):
            change = audit.change("PUT", "/", region="GRA11", service="compute", why="why")
            with pytest.raises(GuardRefused, match="the audit log cannot be written"), change:
                entered.append(1)
    assert [] == entered
    a_change(audit)
    assert [1, 2, 3, 4] == [line["number"] for line in lines_of(path)]
    assert broken_at(path.read_bytes().splitlines(), "r") is None


@pytest.mark.parametrize("torn", [0, 150_000])
def test_a_line_of_any_length_is_followed(tmp_path: Path, torn: int) -> None:
    """A call that names a thousand members has a long reason; so may be what is left of a line."""
    audit, path = AuditLog(tmp_path, run="r", who="w"), tmp_path / "r.jsonl"
    a_change(audit)
    with audit.change("PUT", "/", region="GRA11", service="compute", why="a member, " * 20_000):
        pass
    path.write_bytes(path.read_bytes() + b"x" * torn)
    a_change(audit)
    assert [1, 2, 3, 4, 5, 6] == [line["number"] for line in lines_of(path)]
    assert broken_at(path.read_bytes().splitlines(), "r") is None


def test_a_log_whose_end_is_no_line_is_not_gone_on_with(tmp_path: Path) -> None:
    """Somebody has written into it: the change is refused and the file is left as it is."""
    path = tmp_path / "r.jsonl"
    path.write_text("a remark\n", "utf-8")
    with pytest.raises(GuardRefused, match="the audit log cannot be written"):
        a_change(AuditLog(tmp_path, run="r", who="w"))
    assert path.read_text("utf-8") == "a remark\n"


def test_what_changes_and_who_approved_it_are_told(tmp_path: Path) -> None:
    """Both lines name each field with its value before and after, and the approvers."""
    audit = AuditLog(tmp_path, run="r", who="w", approved_by=("the owner of the key",))
    a_change(audit, values={"ram_mib": (4096, 8192)})
    told = [(line["values"], line["approved_by"]) for line in lines_of(tmp_path / "r.jsonl")]
    assert [({"ram_mib": [4096, 8192]}, ["the owner of the key"])] * 2 == told


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    """It is refused by the variable's name, before anything is changed."""
    path = tmp_path / "audit.jsonl"
    path.touch()
    with pytest.raises(Misconfigured, match=r"SPRINGTIDE_AUDIT_LOG.*is a file.*a folder"):
        AuditLog(path, run="r", who="w")


def an_audit() -> dict[str, object]:
    """What an estate says that keeps an audit log."""
    site = {"region": "GRA11", "container": "audit"}
    return {"site": site, "key_file": "/etc/key", "allowed_signers_file": "workers"}


def test_a_change_without_a_trace_is_refused() -> None:
    """The estate keeps an audit log and the environment names no folder: before it is made."""
    with environment(SPRINGTIDE_AUDIT_LOG=""):
        audit = AuditLog.of(an_estate(audit=an_audit()), run="r", who="w")
    told = pytest.raises(Misconfigured, match=r"SPRINGTIDE_AUDIT_LOG: .*\(allowed: a folder\)")
    with told, audit.change("PUT", "/", region="", service="", why="why"):
        pytest.fail("it was made")


@pytest.mark.parametrize(
    ("kept", "folder"),
    [
        pytest.param(an_audit(), "audit", id="kept"),
        pytest.param(None, "audit", id="not-kept-and-named"),
        pytest.param(None, "", id="not-kept-nor-named"),
    ],
)
def test_a_change_with_a_trace_or_where_none_is_wanted(
    tmp_path: Path, kept: dict[str, object] | None, folder: str
) -> None:
    """It is written down where a folder is named, and made without one where no log is kept."""
    with environment(SPRINGTIDE_AUDIT_LOG=str(tmp_path / folder) if folder else ""):
        audit = AuditLog.of(an_estate(audit=kept), run="r", who="w")
    a_change(audit)
    assert bool(folder) == (tmp_path / "audit/r.jsonl").exists()


def audited(stage: Stage, folder: Path) -> Stage:
    """The stage with an access that writes to a log in that folder."""
    access = CloudAccess.open(an_estate(), AuditLog(folder, run="run-1", who="tests"))
    return Stage(stage.sandbox, stage.clouds_yaml, access, stage.fleet)


def test_reads_leave_no_trace_and_user_data_is_not_written(stage: Stage, tmp_path: Path) -> None:
    """A wave is two lines; neither its user data nor a token or password is in them."""
    path = tmp_path / "run-1.jsonl"
    stage = audited(stage, tmp_path)
    image = stage.gra.matching_images(stage.fleet.image)[0]
    stage.gra.launch(stage.fleet, a_launch(image_id=image.id), "a-secret-of-the-user-data")
    text = path.read_text(encoding="utf-8")
    assert ["intent", "outcome"] == [line["step"] for line in lines_of(path)]
    assert "the evening opens" in text
    assert not any(secret in text for secret in ("a-secret", "rehearsal", "YS1zZWNyZXQ"))


def test_a_refused_change_and_its_repetitions_are_told(stage: Stage, tmp_path: Path) -> None:
    """A 429 and the refusal that follows it are two acts with their results."""
    path = tmp_path / "run-1.jsonl"
    stage = audited(stage, tmp_path)
    image = stage.gra.matching_images(stage.fleet.image)[0]
    stage.sandbox.change_region("GRA11", RegionChange(quota=SandboxQuota(instances=1)))
    rule = FaultRule(service="compute", method="POST", status=429, retry_after_s=0, times=1)
    stage.sandbox.add_fault(rule)
    with pytest.raises(CapacityExhausted):
        stage.gra.launch(stage.fleet, a_launch(image_id=image.id), None)
    results = [str(line["result"]) for line in lines_of(path) if line["step"] == "outcome"]
    assert ["RateLimited", "CapacityExhausted"] == [text.partition(":")[0] for text in results]
