"""The audit log: an intent before each change and an outcome after it, and nothing secret."""

import json
import stat
from pathlib import Path
from threading import Thread

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import CapacityExhausted, GuardRefused
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage, a_launch, an_estate


def lines_of(path: Path) -> list[dict[str, object]]:
    """What the log says."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_change_leaves_intent_and_outcome(tmp_path: Path) -> None:
    """Both name the act, who, where, what and why; the outcome how it ended."""
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path, run="run-1", who="evening")
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
    """It is made with mode 0600."""
    path = tmp_path / "audit.jsonl"
    with AuditLog(path, run="r", who="w").change("PUT", "/", region="", service="", why="why"):
        pass
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_without_its_trace_nothing_is_done(tmp_path: Path) -> None:
    """A log that cannot be written refuses the change before it is made."""
    audit, entered = AuditLog(tmp_path / "none" / "audit.jsonl", run="r", who="w"), []
    change = audit.change("PUT", "/", region="", service="", why="why")
    with pytest.raises(GuardRefused), change:
        entered.append(1)
    assert [] == entered


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    """Two hundred changes of eight threads: each act has its two lines."""
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path, run="r", who="w")

    def change_often() -> None:
        for _ in range(25):
            with audit.change("PUT", "/", region="GRA11", service="compute", why="why"):
                pass

    threads = [Thread(target=change_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    acts = [int(str(line["act"])) for line in lines_of(path)]
    assert sorted(2 * list(range(1, 201))) == sorted(acts)


def audited(stage: Stage, path: Path) -> Stage:
    """The stage with an access that writes to that log."""
    access = CloudAccess.open(an_estate(), AuditLog(path, run="run-1", who="tests"))
    return Stage(stage.sandbox, stage.clouds_yaml, access, stage.fleet)


def test_reads_leave_no_trace_and_user_data_is_not_written(stage: Stage, tmp_path: Path) -> None:
    """A wave is two lines; neither its user data nor a token or password is in them."""
    path = tmp_path / "audit.jsonl"
    stage = audited(stage, path)
    image = stage.gra.newest_image(stage.fleet.image)
    assert image is not None
    stage.gra.launch(stage.fleet, a_launch(image_id=image.id), "a-secret-of-the-user-data")
    text = path.read_text(encoding="utf-8")
    assert ["intent", "outcome"] == [line["step"] for line in lines_of(path)]
    assert "the evening opens" in text
    assert not any(secret in text for secret in ("a-secret", "rehearsal", "YS1zZWNyZXQ"))


def test_a_refused_change_and_its_repetitions_are_told(stage: Stage, tmp_path: Path) -> None:
    """A 429 and the refusal that follows it are two acts with their results."""
    path = tmp_path / "audit.jsonl"
    stage = audited(stage, path)
    image = stage.gra.newest_image(stage.fleet.image)
    assert image is not None
    stage.sandbox.change_region("GRA11", RegionChange(quota=SandboxQuota(instances=1)))
    rule = FaultRule(service="compute", method="POST", status=429, retry_after_s=0, times=1)
    stage.sandbox.add_fault(rule)
    with pytest.raises(CapacityExhausted):
        stage.gra.launch(stage.fleet, a_launch(image_id=image.id), None)
    results = [str(line["result"]) for line in lines_of(path) if line["step"] == "outcome"]
    assert ["RateLimited", "CapacityExhausted"] == [text.partition(":")[0] for text in results]
