"""What is called after a wave, and after which fleet; of other people's names nothing is said."""

from datetime import UTC, datetime

import pytest

from springtide.model.base import Moment
from springtide.model.wave_names import group_name, parse_group, server_fleet, wave_name

AT = datetime(2026, 11, 23, 15, 0, 3, 123_000, tzinfo=UTC)
MADE = AT.replace(microsecond=0)
WAVE = wave_name(AT, "ab12", 0, 4)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(group_name("api", WAVE), ("api", MADE), id="a group of ours"),
        pytest.param(group_name("api-web", WAVE), ("api-web", MADE), id="of a longer name"),
        pytest.param(group_name("api", "20269923t150003123-ab12-0-4"), None, id="no such day"),
        pytest.param("springtide-api-blue", None, id="no wave"),
        pytest.param(f"my-{group_name('api', WAVE)}", None, id="of the same end"),
        pytest.param("operations", None, id="somebody else's"),
    ],
)
def test_whose_a_group_is_and_how_old(name: str, said: tuple[str, Moment] | None) -> None:
    """By the whole name of the fleet, though another's may begin alike."""
    assert said == parse_group(name)


@pytest.mark.parametrize(
    ("name", "fleet"),
    [
        pytest.param(f"api-{WAVE}-1", "api", id="a server of ours"),
        pytest.param(f"api-web-{WAVE}-1", "api-web", id="of a longer name"),
        pytest.param("api-console", None, id="of the same begin"),
        pytest.param("springtide", None, id="somebody else's"),
    ],
)
def test_whose_a_server_was(name: str, fleet: str | None) -> None:
    """When its tag is gone, its name is what is left."""
    assert fleet == server_fleet(name)
