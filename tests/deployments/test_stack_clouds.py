"""What a stack may stand on where it starts no cloud of its own."""

from pathlib import Path

import pytest
import yaml

from deployments.processes import Processes
from deployments.rehearsal import add_storage, write_rehearsal
from deployments.stack import ESTATE
from deployments.stack_clouds import GivenCloud, Ground
from springtide.errors import Misconfigured
from springtide.estate import load_estate
from tests.estates import an_estate, written


def ground_of(folder: Path, content: dict[str, object]) -> Ground:
    """What a cloud with that estate is for a stack."""
    given = GivenCloud(written(folder, content), folder / "clouds.yaml")
    return given.ready(folder, Processes(folder / "run"))


def test_a_given_cloud_is_controlled_where_its_clock_is(tmp_path: Path) -> None:
    """The estate names the clock; faults and calls are beside it."""
    rehearsal = {"clock_url": "http://127.0.0.1:15000/admin/clock"}
    ground = ground_of(tmp_path, an_estate() | {"rehearsal": rehearsal})
    expected = Ground(
        tmp_path / "estate.yaml", tmp_path / "clouds.yaml", control_url="http://127.0.0.1:15000"
    )
    assert expected == ground


def test_a_real_fleet_is_refused(tmp_path: Path) -> None:
    """An estate without a rehearsal is somebody's real one: no stack of loopback runs it."""
    with pytest.raises(Misconfigured, match="rehearsals alone"):
        ground_of(tmp_path, an_estate())


def test_a_rehearsal_of_storage_has_the_directories_alone(tmp_path: Path) -> None:
    """The shipped estate's documents and their vault, below the folder; no database."""
    to = write_rehearsal(
        ESTATE, tmp_path / "estate.yaml", sandbox_url="http://127.0.0.1:1", server_port=2
    )
    add_storage(ESTATE, to, tmp_path / "storage")
    estate = load_estate(to)
    (source,), (vault,) = estate.sources, estate.vaults
    assert ("documents", "documents") == (source.name, vault.name)
    assert vault.password_file.startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("said", "otherwise"),
    [
        pytest.param("from: '16:00'", "from: 16:00", id="a time without quotes"),
        pytest.param("max_servers: 300", "max_servers: 0300", id="a number that looks octal"),
        pytest.param("cloud: ovh", "cloud: ovh\napprovals:", id="a section left empty"),
    ],
)
def test_a_rehearsal_is_of_the_estate_as_it_was_read(
    tmp_path: Path, said: str, otherwise: str
) -> None:
    """What is written otherwise and means the same is rehearsed alike."""
    text = yaml.safe_dump(an_estate())
    assert said in text
    path, to = written(tmp_path, text.replace(said, otherwise)), tmp_path / "rehearsal.yaml"
    write_rehearsal(path, to, sandbox_url="http://127.0.0.1:1", server_port=2)
    real, rehearsed = load_estate(path), load_estate(to)
    assert (real.windows, 300) == (rehearsed.windows, rehearsed.fleets[0].max_servers)


def test_a_rehearsal_of_a_field_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """As the estate itself is."""
    path = written(tmp_path, yaml.safe_dump(an_estate()) + "cloud: other\n")
    with pytest.raises(Misconfigured, match="the key cloud stands twice"):
        write_rehearsal(path, tmp_path / "r.yaml", sandbox_url="http://127.0.0.1:1", server_port=2)
