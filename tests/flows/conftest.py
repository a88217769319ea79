"""A Prefect server of the tests' own, a sandbox cloud after the real estate, and a real Swift."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner

from deployments.rehearsal import write_rehearsal
from springtide.cli import app
from springtide.sandbox.config import BootTime, SandboxConfig, SandboxIdentity
from springtide.sandbox.process import Sandbox
from tasks.cloud import read_estate
from tests.environment import environment
from tests.flows.desk import Desk, write_desk
from tests.flows.evening import ESTATE, MONDAY_16H, Evening, clear_store, fast_estate
from tests.flows.storage import SECRET, Storage, write_storage_estate
from tests.object_stores import skip_where_it_cannot_run
from tests.prefect_servers import a_prefect_server

PULLER = SandboxIdentity(username="puller", password=SecretStr("another"))


@pytest.fixture(scope="module", autouse=True)
def _at_once(short_back_off: None) -> None:
    """What fails in passing is asked for again without a pause."""


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Prefect on a database of its own, for all tests of flows."""
    with a_prefect_server():
        yield


@pytest.fixture(scope="module")
def canary() -> str:
    """The fleet's policy: only files that are about canaries wait for one at each opening."""
    return "never"


@pytest.fixture(scope="module")
def sandbox(
    tmp_path_factory: pytest.TempPathFactory, canary: str
) -> Iterator[tuple[Sandbox, Path]]:
    """A running sandbox whose servers answer at once, and the estate file that leads to it."""
    folder = tmp_path_factory.mktemp("estate")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server_port = probe.getsockname()[1]
    config = SandboxConfig(
        boot=BootTime(least_s=0, most_s=0, answer_s=0),
        haproxy=False,
        balancer_update_s=0.05,
        server_port=server_port,
        starts_at=MONDAY_16H,
    )
    with Sandbox(config) as running:
        estate = write_rehearsal(
            ESTATE, folder / "estate.yaml", sandbox_url=running.url, server_port=server_port
        )
        fast_estate(estate, canary=canary)
        clouds = running.clouds_yaml(folder / "clouds.yaml")
        with environment(OS_CLIENT_CONFIG_FILE=str(clouds), SPRINGTIDE_ESTATE=str(estate)):
            yield running, estate


@pytest.fixture
def evening(prefect_server: None, sandbox: tuple[Sandbox, Path]) -> Evening:  # noqa: ARG001 - must run
    """An empty cloud on a Monday at 16:00, and an empty store."""
    running, estate = sandbox
    running.reset()
    running.clear_faults()
    running.set_clock(MONDAY_16H)
    asyncio.run(clear_store())
    running.forget_calls()
    return Evening(running, estate)


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Keystone and a Swift; the folder of their clouds.yaml."""
    folder = tmp_path_factory.mktemp("swift")
    skip_where_it_cannot_run(folder)
    with Sandbox(SandboxConfig(data_plane=False, object_store=True)) as sandbox:
        sandbox.clouds_yaml(folder / "clouds.yaml")
        yield folder


@pytest.fixture
def storage(prefect_server: None, swift: Path, tmp_path: Path) -> Iterator[Storage]:  # noqa: ARG001 - must run
    """A vault made by the command line, and some documents that are not backed up yet."""
    estate = write_storage_estate(tmp_path, ESTATE)
    documents = tmp_path / "documents"
    for year in ("2024", "2025"):
        (documents / year).mkdir(parents=True)
        for number in range(30):
            text = f"{SECRET} {year} {number}\n" * 50
            (documents / year / f"{SECRET}-{number}.txt").write_text(text)
    (documents / "scan.bin").write_bytes(os.urandom(3_000_000))
    changes = {
        "OS_CLIENT_CONFIG_FILE": str(swift / "clouds.yaml"),
        "SPRINGTIDE_ESTATE": str(estate),
        "SPRINGTIDE_CACHE": str(tmp_path / "cache"),
    }
    # Each test has a container of its own, made where the estate says.
    text = estate.read_text("utf-8").replace("backup-documents", f"backup-{tmp_path.name}")
    estate.write_text(text, "utf-8")
    read_estate.cache_clear()
    with environment(**changes):
        made = CliRunner().invoke(app, ["vault", "create", "documents"], catch_exceptions=False)
        assert 0 == made.exit_code, made.output
        yield Storage(estate, documents, tmp_path / "restores")


@pytest.fixture(scope="session")
def second_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another provider's Keystone and Swift; the folder of their clouds.yaml."""
    folder = tmp_path_factory.mktemp("second")
    skip_where_it_cannot_run(folder)
    config = SandboxConfig(data_plane=False, object_store=True, identity=PULLER)
    with Sandbox(config) as sandbox:
        sandbox.clouds_yaml(folder / "clouds.yaml", cloud="second")
        yield folder


@pytest.fixture
def sites(storage: Storage, second_cloud: Path, tmp_path: Path) -> Storage:
    """The vault's second site stands, and this machine has the credentials of both."""
    clouds = {}
    for path in (Path(os.environ["OS_CLIENT_CONFIG_FILE"]), second_cloud / "clouds.yaml"):
        clouds |= yaml.safe_load(path.read_text("utf-8"))["clouds"]
    # Of each an entry under which it is only read: another identity, at a real provider.
    clouds |= {f"{name}-reader": entry for name, entry in clouds.items()}
    both = tmp_path / "clouds.yaml"
    both.write_text(yaml.safe_dump({"clouds": clouds}), "utf-8")
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(both)
    estate = yaml.safe_load(storage.estate_file.read_text("utf-8"))
    estate["vaults"][0]["read_cloud"] = "sandbox-reader"
    estate["vaults"].append(
        {
            "name": "documents-second",
            "copy_of": "documents",
            "cloud": "second",
            "read_cloud": "second-reader",
            "region": "SBG5",
            "container": estate["vaults"][0]["container"],
            "password_file": str(tmp_path / "second.password"),
        }
    )
    storage.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    read_estate.cache_clear()
    made = CliRunner().invoke(app, ["vault", "create", "documents-second"])
    assert 0 == made.exit_code, made.output
    return storage


@pytest.fixture
def desk(drawing_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One whose pages have no pictures: those take seconds each."""
    monkeypatch.setattr("springtide.reporting.cost_page.cost_charts", lambda _report: {})
    return drawing_desk


@pytest.fixture
def drawing_desk(prefect_server: None, swift: Path, tmp_path: Path) -> Iterator[Desk]:  # noqa: ARG001 - must run
    """An estate that reports its cost, and publishes into a real Swift."""
    desk = write_desk(tmp_path)
    changes = {
        "OS_CLIENT_CONFIG_FILE": str(swift / "clouds.yaml"),
        "SPRINGTIDE_ESTATE": str(desk.estate_file),
        "SPRINGTIDE_TEMP_URL_KEY": "a key of the tests",
    }
    read_estate.cache_clear()
    with environment(**changes):
        yield desk
    read_estate.cache_clear()
