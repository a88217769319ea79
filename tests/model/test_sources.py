"""Sources of both kinds in an estate, and what is said where one is wrong."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from springtide.errors import Misconfigured
from springtide.estate import load_estate
from springtide.model.backup import BackupSource
from springtide.model.estate import Estate
from springtide.model.postgres import BASE, DUMPS
from tests.test_house import ROOT

ESTATE = ROOT / "deployments" / "estate.yaml"


def loaded(folder: Path, **changes: Any) -> Estate:  # noqa: ANN401 - what people may write
    """The estate with a changed cluster; None takes a field away."""
    given = yaml.safe_load(ESTATE.read_text("utf-8"))
    given = {k: given[k] for k in ("cloud", "residency", "fleets", "vaults", "sources")}
    given["fleets"][0].pop("user_data_file", None)
    (cluster,) = (each for each in given["sources"] if each.get("kind") == "postgresql")
    cluster |= changes
    given["sources"] = [
        {k: v for k, v in each.items() if v is not None} for each in given["sources"]
    ]
    path = folder / "estate.yaml"
    path.write_text(yaml.safe_dump(given), "utf-8")
    return load_estate(path)


def test_both_kinds(tmp_path: Path) -> None:
    """Without a kind they are directories; each has its parts."""
    estate = loaded(tmp_path)
    assert isinstance(estate.source("documents"), BackupSource)
    assert {1: "/srv/documents"} == estate.directories("documents").part_paths
    assert {BASE: "/base", DUMPS: "/dumps"} == estate.database("core-db").part_paths
    assert ["core-db"] == [each.name for each in estate.databases_in("databases")]
    assert () == estate.databases_in("documents")


def test_at_a_second_site_all_may_be_older(tmp_path: Path) -> None:
    """Twice as old; the log comes with the daily copy, as dumps do."""
    cluster = loaded(tmp_path, dump_max_age="PT26H", wal_max_age="PT15M").database("core-db")
    assert timedelta(hours=52, minutes=15) == cluster.with_twice_the_time().wal_max_age


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"kind": "mysql"}, "kind must be directories or postgresql", id="kind"),
        pytest.param(
            {"servise": "core", "service": None}, "did you mean service?", id="of its own kind"
        ),
        pytest.param({"paths": ["/srv"]}, "paths: is not a field", id="of the other kind"),
        pytest.param({"service": "host=pg1"}, "service: given 'host=pg1', must", id="no service"),
        pytest.param({"password": "secret"}, "password: is not a field", id="a password"),
        pytest.param({"slot": "Slot-1"}, "slot: given 'Slot-1', must", id="slot"),
        pytest.param({"wal_max_age": "PT59S"}, "wal_max_age", id="a recovery point too short"),
        pytest.param({"wal_max_age": "PT25H"}, "wal_max_age", id="a recovery point too long"),
        pytest.param({"programs_folder": "bin"}, "an absolute path is wanted", id="programs"),
        pytest.param({"spool_folder": "/srv/restored"}, "are two folders", id="one folder"),
        pytest.param({"account": "Post gres"}, "account: given 'Post gres', must", id="account"),
        pytest.param({"vault": "films"}, "no vault films", id="vault"),
    ],
)
def test_mistakes(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """The field is named, and what is allowed."""
    with pytest.raises(Misconfigured, match=r"sources|source core-db") as caught:
        loaded(tmp_path, **changes)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", ["PT1M", "PT24H"])
def test_bounds_that_are_allowed(tmp_path: Path, value: str) -> None:
    """A minute and a day are."""
    assert loaded(tmp_path, wal_max_age=value).database("core-db").wal_max_age


def test_the_other_kind_is_asked_for(tmp_path: Path) -> None:
    """Whoever names directories where a cluster is wanted hears which there are, and vice versa."""
    estate = loaded(tmp_path)
    with pytest.raises(Misconfigured, match=r"no PostgreSQL cluster \(allowed: core-db\)"):
        estate.database("documents")
    with pytest.raises(Misconfigured, match=r"no source of directories \(allowed: documents\)"):
        estate.directories("core-db")
