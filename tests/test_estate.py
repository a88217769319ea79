"""The estate file is read whole, and every mistake in it is named by its place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from springtide.errors import Misconfigured
from springtide.estate import estate_path, load_estate, school_holidays, user_data
from tests.estates import an_estate, trouble, written

EXAMPLE = Path(__file__).resolve().parent.parent / "deployments" / "estate.yaml"


def an_audit(*, region: str) -> dict[str, Any]:
    """A site for the audit log in that region, and its copy in SBG5."""
    site, second = ({"region": r, "container": "audit"} for r in (region, "SBG5"))
    keys = {"key_file": "/etc/key", "allowed_signers_file": "workers"}
    return {"site": site, "second": second, **keys}


Change = Callable[[dict[str, Any]], object]


def test_the_customers_estate() -> None:
    """The example that is deployed: three French regions, 30 servers, 300 at most."""
    estate = load_estate(EXAMPLE)
    (fleet,), (window,) = estate.fleets, estate.windows
    assert ("GRA11", "SBG5", "RBX1") == tuple(region.name for region in fleet.regions)
    assert ("api-iis-*", "win-b2-60", 300) == (fleet.image, fleet.flavour, fleet.max_servers)
    assert ("monday", "tuesday", "wednesday") == window.days
    assert ("16:00", "22:00", 30) == (
        f"{window.opens:%H:%M}",
        f"{window.closes:%H:%M}",
        window.servers,
    )
    assert "0.51" == str(fleet.price_per_hour)
    assert (user_data(fleet, EXAMPLE) or "").startswith("#ps1_sysnative\n")
    assert school_holidays(estate, EXAMPLE).holidays


def test_the_example_shows_every_field_of_a_fleet_and_a_window() -> None:
    """Who reads it sees all that can be said; what is left out is named here."""
    estate = load_estate(EXAMPLE)
    (fleet,), (window,) = estate.fleets, estate.windows
    assert set() == type(fleet).model_fields.keys() - fleet.model_fields_set - {"kind"}
    # A window has its lead by minutes or by measurement.
    assert set() == type(window).model_fields.keys() - window.model_fields_set - {"measured_lead"}
    assert set() == type(estate).model_fields.keys() - estate.model_fields_set - {"rehearsal"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda e: e["fleets"][0]["regions"][1].update(weight=0),
            "fleets.0.regions.1.weight: given 0, must be greater than 0",
            id="out of bounds",
        ),
        pytest.param(
            lambda e: e["fleets"][0].update(max_servers="many"),
            "fleets.0.max_servers: given 'many', must be a valid integer, unable to parse string"
            " as an integer",
            id="wrong type",
        ),
        pytest.param(
            lambda e: e["fleets"][0].pop("flavour"), "fleets.0.flavour: is missing", id="missing"
        ),
        pytest.param(
            lambda e: e.update(rate_limit={"request_per_s": 3}),
            "rate_limit.request_per_s: is not a field; did you mean requests_per_s?"
            " (allowed: burst, requests_per_s)",
            id="a slip in a field's name",
        ),
        pytest.param(
            lambda e: e["fleets"][0].update(health={"zzz": 1}),
            "fleets.0.health.zzz: is not a field (allowed: expected_status, in_flight_path, path,"
            " port, prober, timeout_s)",
            id="a field that is like none",
        ),
        pytest.param(
            lambda e: e["fleets"][0].update(kind="stateful"),
            "fleets.0.kind: given 'stateful', must be 'stateless'",
            id="a stateful fleet",
        ),
        pytest.param(
            lambda e: e["fleets"][0].update(name="API"),
            "fleets.0.name: given 'API', must be a lower-case letter, then at most 30 of a-z, 0-9"
            " and -",
            id="a name's pattern in words",
        ),
        pytest.param(
            lambda e: e["fleets"][0].update(currency="€"),
            "fleets.0.currency: given '€', must be of the pattern ^[A-Z]{3}$",
            id="another pattern",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(days=["Monday"]),
            "windows.0.days.0: given 'Monday', must be 'monday', 'tuesday', 'wednesday',"
            " 'thursday', 'friday', 'saturday' or 'sunday'",
            id="no day of the week",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(days=[]),
            "windows.0.days: must have at least 1 item, not 0",
            id="no days",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(days=["monday", "monday"]),
            "windows.0.days: each day stands once; given monday, monday",
            id="a day twice",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(until="16:00"),
            "windows.0: until 16:00 must be after from 16:00",
            id="an empty window",
        ),
        pytest.param(
            lambda e: e["windows"][0].update({"from": "16:00:30"}),
            "windows.0.from: whole minutes are wanted, e.g. 16:00",
            id="seconds",
        ),
        pytest.param(
            lambda e: e["windows"][0].update({"from": "16:00+01:00"}),
            "windows.0.from: a local time without an offset is wanted, e.g. 16:00",
            id="an offset",
        ),
        pytest.param(
            lambda e: e["windows"][0].update({"from": 960}),
            'windows.0.from: 960 is a number; write the time in quotes, e.g. "16:00"',
            id="minutes instead of a time",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(tail_minutes=240, until="20:00"),
            "windows.0: tail_minutes 240 must be below the window's 240",
            id="nothing but a tail",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(timezone="Paris"),
            "windows.0.timezone: 'Paris' is no time zone of the IANA database, e.g. Europe/Paris",
            id="no time zone",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(add_dates=["2026-12-01"], remove_dates=["2026-12-01"]),
            "windows.0: 2026-12-01 stands in both add_dates and remove_dates",
            id="added and removed",
        ),
        pytest.param(
            lambda e: e["windows"].append(e["windows"][0]),
            "windows: each name stands once; given evening, evening",
            id="two windows of one name",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(servers=301),
            "window evening: servers 301 is above max_servers 300 of fleet api",
            id="more than the fleet may have",
        ),
        pytest.param(
            lambda e: e["windows"][0].update(fleet="web"),
            "window evening: no fleet web (allowed: api)",
            id="a window of no fleet",
        ),
        pytest.param(
            lambda e: e.update(residency=["GRA11"]),
            "fleet api: region SBG5 is not in residency (allowed: GRA11)",
            id="a region outside the residency",
        ),
        pytest.param(
            lambda e: e.update(rehearsal={"clock_url": "http://192.0.2.1/clock"}),
            "rehearsal: rehearsal.clock_url must be on 127.0.0.1: real fleets use real time",
            id="a clock from elsewhere",
        ),
        pytest.param(
            lambda e: e.update(audit=an_audit(region="PAR1")),
            "audit.site: region PAR1 is not in residency (allowed: GRA11, SBG5)",
            id="an audit log outside the residency",
        ),
        pytest.param(
            lambda e: e.update(audit=an_audit(region="SBG5")),
            "audit: second: another region than SBG5 is wanted",
            id="an audit log whose copy is beside it",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, change: Change, expected: str) -> None:
    """Its place, the value that was given, and what would be right."""
    estate = an_estate()
    assert load_estate(written(tmp_path, estate))
    change(estate)
    assert [expected] == trouble(written(tmp_path, estate))


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Nobody wants to find them one run after another."""
    estate = an_estate()
    estate["fleets"][0]["regions"][0]["weight"] = -1
    estate["windows"][0]["servers"] = 0
    assert [
        "fleets.0.regions.0.weight: given -1, must be greater than 0",
        "windows.0.servers: given 0, must be greater than or equal to 1",
    ] == trouble(written(tmp_path, estate))


def test_all_mistakes_between_sections_are_named_at_once(tmp_path: Path) -> None:
    """Regions abroad, a window of no fleet, and a name twice: a line each."""
    estate = an_estate() | {"residency": ["RBX1"]}
    estate["windows"].append(estate["windows"][0] | {"fleet": "web"})
    assert [
        "fleet api: region GRA11 is not in residency (allowed: RBX1)",
        "fleet api: region SBG5 is not in residency (allowed: RBX1)",
        "windows: each name stands once; given evening, evening",
        "window evening: no fleet web (allowed: api)",
    ] == trouble(written(tmp_path, estate))


def test_all_mistakes_of_a_fleet_are_named_at_once(tmp_path: Path) -> None:
    """Each with the fleet's place, beside those of other fields."""
    estate = an_estate()
    (fleet,) = estate["fleets"]
    fleet["min_servers"] = 301
    fleet["regions"].append(fleet["regions"][0])
    estate["windows"][0]["servers"] = 0
    assert [
        "fleets.0: min_servers 301 must not be above max_servers 300",
        "fleets.0: regions: each region stands once; given GRA11, SBG5, GRA11",
        "windows.0.servers: given 0, must be greater than or equal to 1",
    ] == trouble(written(tmp_path, estate))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("", "fields are wanted at the top, given nothing", id="empty"),
        pytest.param("- a\n", "fields are wanted at the top, given a list", id="a list"),
        pytest.param("ovh", "fields are wanted at the top, given a str", id="a word"),
        pytest.param(
            "cloud: [a\n",
            "is not YAML: expected ',' or ']', but got '<stream end>' in line 2, column 1",
            id="not YAML",
        ),
        pytest.param(
            "cloud: a\nresidency: [b]\ncloud: c\n",
            "is not YAML: the key cloud stands twice in line 3, column 1",
            id="a key twice",
        ),
        pytest.param(
            "fleets:\n  - {name: a, name: b}\n",
            "is not YAML: the key name stands twice in line 2, column 15",
            id="a key twice, deep inside",
        ),
        pytest.param(
            "cloud: !!python/object/apply:os.getcwd []\n",
            "is not YAML: could not determine a constructor for the tag"
            " 'tag:yaml.org,2002:python/object/apply:os.getcwd' in line 1, column 8",
            id="code",
        ),
    ],
)
def test_a_file_that_is_no_estate(tmp_path: Path, content: str, expected: str) -> None:
    """What stands there instead, and where."""
    assert [expected] == trouble(written(tmp_path, content))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A picture by mistake is told like any other mistake."""
    path = tmp_path / "estate.yaml"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    (line,) = trouble(path)
    assert line.startswith("is not YAML: ")


def test_a_missing_file(tmp_path: Path) -> None:
    """The path that was looked at stands in the message."""
    path = tmp_path / "estate.yaml"
    with pytest.raises(Misconfigured) as refused:
        load_estate(path)
    assert f"{path}: cannot be read: No such file or directory" == str(refused.value)


@pytest.mark.parametrize("time", ["16:00", "'16:00'", '"16:00"', "16:00:00"])
def test_a_time_needs_no_quotes(tmp_path: Path, time: str) -> None:
    """YAML 1.1 takes 16:00 for 960, and 960 seconds past midnight are 00:16."""
    text = yaml.safe_dump(an_estate()).replace("'16:00'", time)
    assert f"from: {time}" in text
    (window,) = load_estate(written(tmp_path, text)).windows
    assert "16:00" == f"{window.opens:%H:%M}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("max_servers: 300", 300, id="decimal"),
        pytest.param("max_servers: 0300", 300, id="not octal"),
    ],
)
def test_numbers_are_decimal(tmp_path: Path, text: str, expected: int) -> None:
    """YAML 1.1 takes 0300 for 192."""
    content = yaml.safe_dump(an_estate()).replace("max_servers: 300", text)
    assert expected == load_estate(written(tmp_path, content)).fleets[0].max_servers


def test_a_date_that_does_not_exist_is_named_by_its_place(tmp_path: Path) -> None:
    """YAML 1.1 would fail on it without saying where."""
    text = yaml.safe_dump(an_estate()).replace(
        "fleet: api", "fleet: api\n  add_dates: [2026-02-30]"
    )
    (line,) = trouble(written(tmp_path, text))
    assert line.startswith("windows.0.add_dates.0: given '2026-02-30', must be a valid date")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, "deployments/estate.yaml", id="not set"),
        pytest.param({"SPRINGTIDE_ESTATE": ""}, "deployments/estate.yaml", id="empty"),
        pytest.param({"SPRINGTIDE_ESTATE": "/etc/estate.yaml"}, "/etc/estate.yaml", id="set"),
    ],
)
def test_where_the_estate_is(environment: dict[str, str], expected: str) -> None:
    """The environment names it; a checkout has its own."""
    assert Path(expected) == estate_path(environment)
