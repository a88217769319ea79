"""A restore over production on a whole stack: it waits without a process until two have signed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deployments.deploy import ROOT
from deployments.processes import Processes
from deployments.stack import ESTATE, Stack, down, environment, up
from deployments.stack_clouds import SandboxCloud
from tests.deployments.conftest import QUICKER
from tests.deployments.rig import PrefectRig
from tests.object_stores import skip_where_it_cannot_run
from tests.signing import Person, a_person, allow
from tests.vault.places import Seen, seen_in

KIND = "restore-over-production"
OVER = f"{KIND}/documents"
BACK_UP = "back-up-to-object-storage/documents"


class School(PrefectRig):
    """A stack with an object store, documents and two people who may sign."""

    def __init__(self, stack: Stack, documents: Path) -> None:
        """The vault is made."""
        super().__init__(stack, QUICKER)
        self.documents = documents
        estate_file = stack.folder / "estate.yaml"
        estate = yaml.safe_load(estate_file.read_text("utf-8"))
        keys = stack.folder / "keys"
        self.people = [a_person(keys, f"{name}@example.org") for name in ("first", "second")]
        allow(stack.folder / estate["approvals"]["allowed_signers_file"], *self.people)
        program = str(Path(sys.executable).with_name("springtide"))
        create = [program, "vault", "create", "documents"]
        subprocess.run(create, check=True, env=environment(stack), cwd=ROOT, timeout=300)

    def answer(self, run_id: str, first: Person, second: Person) -> str:
        """What the server makes of these two signatures of what the run shows."""
        line = self.suspended(run_id, KIND)
        signed = {"signature": first.sign(line), "second_signature": second.sign(line)}
        return self.resume(run_id, {"statement": line, **signed})

    def standing(self) -> dict[str, dict[bytes, Seen]]:
        """What can be seen of production, and of what stands beside it."""
        return {each.name: seen_in(each) for each in self.documents.parent.glob("*documents*")}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """Ended with the last test."""
    folder = tmp_path_factory.mktemp("restores")
    skip_where_it_cannot_run(folder / "swift")
    storage = folder / "storage"
    try:
        stack = up(folder, cloud=SandboxCloud(ESTATE, storage=storage), variables=QUICKER)
        yield School(stack, storage / "srv" / "documents")
    finally:
        Processes(folder / "run").end("worker")
        down(folder)


@pytest.fixture
def school(running: School) -> School:
    """As after its start, with its documents and nothing beside them."""
    running.begin()
    for each in running.documents.parent.glob("*documents*"):
        shutil.rmtree(each)
    running.documents.mkdir(parents=True)
    for number in range(30):
        text = f"bulletin {number}\n" * 500
        (running.documents / f"bulletin-{number}.txt").write_text(text, "utf-8")
    return running


def test_two_people_sign_what_comes_over_production(school: School) -> None:
    """One key twice changes nothing; by two it is put in place, and what stood there is kept."""
    first, second = school.people
    assert "COMPLETED" == school.run(BACK_UP).kind
    wanted = school.standing()["documents"]
    (school.documents / "bulletin-7.txt").write_text("encrypted by a thief", "utf-8")
    spoiled = school.standing()

    run_id = school.start(OVER, source="documents", dry_run=False)
    assert "ACCEPT" == school.answer(run_id, first, first)
    end = school.end(run_id)
    assert ("FAILED", True) == (end.kind, "signed twice" in end.message), end
    assert spoiled == school.standing()

    run_id = school.start(OVER, source="documents", dry_run=False)
    school.suspended(run_id, KIND)
    assert spoiled == school.standing()
    assert "ACCEPT" == school.answer(run_id, first, second)
    end = school.end(run_id)
    assert "COMPLETED" == end.kind, end
    standing = school.standing()
    assert wanted == standing.pop("documents")
    assert [spoiled["documents"]] == list(standing.values())
    assert all(".before-" in name for name in standing)
