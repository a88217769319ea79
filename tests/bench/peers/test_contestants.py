"""What a contestant is given can be read by it."""

from pathlib import Path

from springtide.estate import load_estate
from tests.bench.peers.contestants import CONTESTANTS
from tests.bench.peers.ground import PREFIX, Ground


def test_the_estate_of_the_ground_is_one(tmp_path: Path) -> None:
    """The shipped fleet and its pace, with the names of the ground, and nothing else."""
    ground = Ground(
        kind="none",
        folder=tmp_path,
        clouds_yaml=tmp_path / "clouds.yaml",
        cloud="springtide",
        control_url="",
    )
    CONTESTANTS[0].prepare(ground)
    estate = load_estate(tmp_path / "estate.yaml")
    assert [(PREFIX, "vrack")] == [(f.name, f.regions[0].network) for f in estate.fleets]
    assert ((ground.region,), ()) == (estate.residency, estate.vaults)
