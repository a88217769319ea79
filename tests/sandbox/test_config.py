"""What a sandbox cannot consist of is refused before anything starts."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from springtide.model.mistakes import mistakes
from springtide.sandbox.config import SandboxConfig

GRA = {"name": "GRA11", "cidr": "127.11.0.0/20"}
SBG = {"name": "SBG5", "cidr": "127.12.0.0/20"}


def refused(*regions: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with a sandbox of those regions."""
    with pytest.raises(ValidationError) as error:
        SandboxConfig.model_validate({"regions": regions})
    return mistakes(error.value, SandboxConfig)


@pytest.mark.parametrize(
    ("cidr", "servers"),
    [("127.11.0.0/30", 1), ("127.11.0.0/29", 5), ("127.0.0.0/8", 2**24 - 3)],
)
def test_a_region_has_room_for_a_server(cidr: str, servers: int) -> None:
    """Beside its load balancers' address; as the smallest network and the largest show."""
    config = SandboxConfig.model_validate({"regions": [GRA | {"cidr": cidr}]})
    (region,) = config.regions
    assert servers == int(region.cidr[-2]) - int(region.cidr[2]) + 1


@pytest.mark.parametrize("cidr", ["127.11.0.0/31", "127.1.0.1/32"])
def test_a_region_without_room_is_refused(cidr: str) -> None:
    """With its place, and how much is wanted."""
    why = f"regions.0: cidr {cidr} has no room for balancers and servers (allowed: /30 or larger)"
    assert (why,) == refused(GRA | {"cidr": cidr})


def test_a_region_elsewhere_is_refused() -> None:
    """Its servers would listen where others can see them."""
    assert ("regions.0: cidr 10.0.0.0/20 must lie inside 127.0.0.0/8",) == refused(
        GRA | {"cidr": "10.0.0.0/20"}
    )


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(
            SBG | {"name": "GRA11"},
            ["regions: each name stands once; given GRA11, GRA11"],
            id="a name twice",
        ),
        pytest.param(
            SBG | {"cidr": "127.11.15.0/24"},
            ["regions: GRA11 and SBG5 share addresses: cidr 127.11.0.0/20 and 127.11.15.0/24"],
            id="addresses twice",
        ),
        pytest.param(
            {"name": "GRA11"},
            [
                "regions: each name stands once; given GRA11, GRA11",
                "regions: GRA11 and GRA11 share addresses: cidr 127.11.0.0/20 and 127.11.0.0/20",
            ],
            id="both",
        ),
    ],
)
def test_regions_stand_apart(other: dict[str, str], expected: list[str]) -> None:
    """Each has a name and addresses of its own; all that is wrong is told."""
    assert tuple(expected) == refused(GRA, other)


def test_neighbours_do_not_overlap() -> None:
    """One network may begin where another ends."""
    config = SandboxConfig.model_validate({"regions": [GRA, SBG | {"cidr": "127.11.16.0/20"}]})
    assert ["GRA11", "SBG5"] == [region.name for region in config.regions]
