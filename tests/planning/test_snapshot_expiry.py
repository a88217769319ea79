"""What expiry keeps and why: by a table, by its own laws, and as restic itself decides."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.errors import Misconfigured
from springtide.model.retention import Retention
from springtide.planning.snapshot_expiry import FUTURE, UNDER_WAY, UNKEPT, ExpiryPlan, plan_expiry
from springtide.vault.repository import Identity, Repository
from springtide.vault.snapshots import Snapshot, save_snapshot
from tests.vault.folder_store import FolderStore

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 4, 1, 12, tzinfo=PARIS)
RESTIC = shutil.which("restic")
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a repository of this test's own


@dataclass(frozen=True)
class Taken:
    """A snapshot as expiry sees it."""

    time: datetime
    hostname: str = "web-1"
    paths: tuple[str, ...] = ("/srv",)
    tags: tuple[str, ...] = ()
    id: str = field(default="")


def at(text: str, *tags: str, hostname: str = "web-1", paths: tuple[str, ...] = ("/srv",)) -> Taken:
    """A snapshot of that local time, e.g. `2026-03-31 22:00`; its id is that."""
    time = datetime.fromisoformat(text).replace(tzinfo=PARIS)
    return Taken(time, hostname, paths, tags, id=text)


def planned(snapshots: list[Taken], **rules: object) -> ExpiryPlan:
    """The plan by those rules; but for them, one copy is enough."""
    return plan_expiry(snapshots, retention_by(rules), NOW, PARIS)


def retention_by(rules: dict[str, object]) -> Retention:
    """Those rules; but for them, one copy is enough."""
    return Retention.model_validate({"minimum_copies": 1} | rules)


def told(plan: ExpiryPlan) -> dict[str, tuple[str, ...]]:
    """The reasons for each that stays."""
    return {v.snapshot.id: v.reasons for g in plan.groups for v in g.verdicts if v.kept}


LAST = ("last snapshot",)
DAILY = ("daily snapshot",)


@pytest.mark.parametrize(
    ("snapshots", "rules", "expected"),
    [
        pytest.param([], {"keep_last": 1}, {}, id="none-at-all"),
        pytest.param(
            [at("2026-03-31 22:00"), at("2026-03-30 22:00"), at("2026-03-29 22:00")],
            {"keep_last": 2},
            {"2026-03-31 22:00": LAST, "2026-03-30 22:00": LAST},
            id="the-newest",
        ),
        pytest.param(
            [at("2026-03-31 10:59"), at("2026-03-31 10:00"), at("2026-03-31 09:59")],
            {"keep_hourly": 5},
            {"2026-03-31 10:59": ("hourly snapshot",), "2026-03-31 09:59": ("hourly snapshot",)},
            id="an-hour-ends-at-its-59th-minute",
        ),
        pytest.param(
            [at("2026-03-31 22:00"), at("2026-03-31 10:00"), at("2026-03-27 22:00")],
            {"keep_daily": 2},
            {"2026-03-31 22:00": DAILY, "2026-03-27 22:00": DAILY},
            id="days-without-a-snapshot-are-not-counted",
        ),
        pytest.param(
            [at("2026-03-31 00:00"), at("2026-03-30 23:59")],
            {"keep_daily": 2},
            {"2026-03-31 00:00": DAILY, "2026-03-30 23:59": DAILY},
            id="a-day-begins-at-midnight-in-paris",
        ),
        pytest.param(
            [at("2026-03-30 00:00"), at("2026-03-29 23:59"), at("2026-03-23 00:00")],
            {"keep_weekly": 2},
            {"2026-03-30 00:00": ("weekly snapshot",), "2026-03-29 23:59": ("weekly snapshot",)},
            id="a-week-begins-on-monday",
        ),
        pytest.param(
            [at("2026-01-01 10:00"), at("2025-12-31 10:00"), at("2025-12-28 10:00")],
            {"keep_weekly": 2},
            {"2026-01-01 10:00": ("weekly snapshot",), "2025-12-28 10:00": ("weekly snapshot",)},
            id="new-year-does-not-cut-a-week",
        ),
        pytest.param(
            [at("2026-03-01 00:00"), at("2026-02-28 23:59"), at("2026-02-01 00:00")],
            {"keep_monthly": 5},
            {"2026-03-01 00:00": ("monthly snapshot",), "2026-02-28 23:59": ("monthly snapshot",)},
            id="months",
        ),
        pytest.param(
            [at("2026-01-01 00:00"), at("2025-12-31 23:59"), at("2025-01-01 00:00")],
            {"keep_yearly": 5},
            {"2026-01-01 00:00": ("yearly snapshot",), "2025-12-31 23:59": ("yearly snapshot",)},
            id="years",
        ),
        pytest.param(
            [at("2026-03-31 10:00"), at("2026-03-30 10:01"), at("2026-03-30 10:00")],
            {"keep_within": timedelta(days=1)},
            {
                "2026-03-31 10:00": ("within 1 day, 0:00:00",),
                "2026-03-30 10:01": ("within 1 day, 0:00:00",),
            },
            id="within-is-counted-from-the-newest-and-ends-before-the-full-time",
        ),
        pytest.param(
            [at("2026-03-31 10:00"), at("2020-03-30 10:00", "audit"), at("2020-03-30 09:00", "x")],
            {"keep_last": 1, "keep_tags": ("audit",)},
            {"2026-03-31 10:00": LAST, "2020-03-30 10:00": ("has tags [audit]",)},
            id="tags",
        ),
        pytest.param(
            [at("2026-03-31 22:00"), at("2026-03-31 10:00")],
            {"keep_last": 1, "keep_daily": 1, "keep_yearly": 1},
            {"2026-03-31 22:00": (*LAST, *DAILY, "yearly snapshot")},
            id="all-reasons-are-told",
        ),
        pytest.param(
            [at("2026-03-31 22:00"), at("2026-03-31 10:00"), at("2026-03-31 09:00")],
            {"keep_daily": 1, "minimum_copies": 2},
            {"2026-03-31 22:00": DAILY, "2026-03-31 10:00": ("minimum of 2 copies",)},
            id="the-minimum-is-made-up-of-the-newest",
        ),
        pytest.param(
            [at("2026-03-31 22:00"), at("2026-03-30 10:00")],
            {"keep_daily": 2, "minimum_copies": 2},
            {"2026-03-31 22:00": DAILY, "2026-03-30 10:00": DAILY},
            id="the-minimum-is-there",
        ),
        pytest.param(
            [at("2026-04-01 12:01"), at("2026-04-01 12:00"), at("2026-03-31 10:00")],
            {"keep_last": 1},
            {"2026-04-01 12:01": (FUTURE,), "2026-04-01 12:00": LAST},
            id="the-future-stays-and-takes-nobodys-place",
        ),
        pytest.param(
            [at("2026-03-31 22:00", "offloaded"), at("2026-03-31 10:00"), at("2026-03-30 10:00")],
            {"keep_last": 1},
            {
                "2026-03-31 22:00": ("protected by its tag offloaded",),
                "2026-03-31 10:00": LAST,
            },
            id="the-protected-stay-and-take-nobodys-place",
        ),
        pytest.param(
            [
                *(at(f"2026-03-31 2{hour}:00", "shard") for hour in range(4)),
                at("2026-03-18 11:01", "shard"),
                at("2026-03-18 11:00", "shard"),
            ],
            {"keep_last": 1, "keep_yearly": 9, "minimum_copies": 9},
            {
                **{f"2026-03-31 2{hour}:00": (UNDER_WAY,) for hour in range(4)},
                "2026-03-18 11:01": (UNDER_WAY,),
            },
            id="shards-stay-for-two-weeks-and-by-no-rule",
        ),
        pytest.param(
            [at("2026-03-31 22:00", "shard"), at("2026-03-31 10:00"), at("2026-03-30 10:00")],
            {"keep_last": 1},
            {"2026-03-31 22:00": (UNDER_WAY,), "2026-03-31 10:00": LAST},
            id="a-shard-takes-nobodys-place",
        ),
        pytest.param(
            [
                at("2026-03-31 10:00"),
                at("2026-03-30 10:00", hostname="web-2"),
                at("2026-03-29 10:00", paths=("/etc", "/srv")),
                at("2026-03-28 10:00", paths=("/srv", "/etc")),
            ],
            {"keep_last": 1},
            {"2026-03-31 10:00": LAST, "2026-03-30 10:00": LAST, "2026-03-29 10:00": LAST},
            id="each-host-and-set-of-paths-by-itself",
        ),
    ],
)
def test_what_is_kept(
    snapshots: list[Taken], rules: dict[str, object], expected: dict[str, tuple[str, ...]]
) -> None:
    """Each that stays says why; all others go, as no rule keeps them."""
    plan = planned(snapshots, **rules)
    assert expected == told(plan)
    others = {v.reasons for group in plan.groups for v in group.verdicts if not v.kept}
    assert others <= {(UNKEPT,)}


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"keep_tags": ("audit",)}, id="tags-say-nothing-of-all-the-others"),
        pytest.param({"keep_within": timedelta(0)}, id="within-no-time"),
        pytest.param({"minimum_copies": 9}, id="a-minimum-is-no-rule"),
    ],
)
def test_no_rule_is_refused(rules: dict[str, object]) -> None:
    """Who says nothing does not mean that everything goes."""
    with pytest.raises(Misconfigured) as refused:
        planned([at("2026-03-31 10:00")], **rules)
    assert "retention" == refused.value.field


def test_the_clock_that_shows_an_hour_twice() -> None:
    """In autumn both hours from two to three are one, as for who looks at the clock."""
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    snapshots = [
        Taken(time, id=str(n)) for n, time in enumerate((first, first + timedelta(hours=1)))
    ]
    assert {"1": ("hourly snapshot",)} == told(planned(snapshots, keep_hourly=5))


COUNTS = st.integers(0, 4)
RULES = st.fixed_dictionaries(
    {
        **{f"keep_{kind}": COUNTS for kind in ("hourly", "daily", "weekly", "monthly", "yearly")},
        "keep_last": st.integers(1, 4),
        "keep_within": st.none() | st.timedeltas(timedelta(hours=1), timedelta(days=60)),
        "minimum_copies": st.integers(1, 5),
    }
)
MINUTES = st.sets(st.integers(-3000, 800_000), max_size=25)


@given(rules=RULES, minutes=MINUTES, removed=st.randoms(use_true_random=False))
def test_its_laws(rules: dict[str, object], minutes: set[int], removed: Random) -> None:
    """What comes in stays or goes; who is killed halfway, and who runs again, keeps the same."""
    snapshots = [Taken(NOW - timedelta(minutes=m), id=str(m)) for m in sorted(minutes)]
    plan = planned(snapshots, **rules)
    kept, gone = [{s.id for s in part} for part in (plan.kept, plan.removed)]
    assert {s.id for s in snapshots} == kept | gone
    assert not kept & gone
    past = {s.id for s in snapshots if s.time <= NOW}
    assert len(kept & past) >= min(len(past), int(str(rules["minimum_copies"])))
    left = [s for s in snapshots if s.id in kept or removed.random() < 0.5]
    assert kept == {s.id for s in planned(left, **rules).kept}


TIMES = {
    "every 5 hours": [timedelta(hours=5 * n) for n in range(70)],
    "every 7 minutes": [timedelta(minutes=7 * n) for n in range(60)],
    "every 11 days": [timedelta(days=11 * n, minutes=n) for n in range(90)],
    "now and then": [timedelta(minutes=n * n * n) for n in range(60)],
}
ARGUMENTS: list[dict[str, object]] = [
    {"keep_last": 3},
    {"keep_hourly": 9},
    {"keep_daily": 6},
    {"keep_weekly": 5},
    {"keep_monthly": 14},
    {"keep_yearly": 3},
    {"keep_within": timedelta(days=9)},
    {"keep_within": timedelta(hours=31)},
    {"keep_tags": ("odd",), "keep_last": 1},
    {
        "keep_last": 2,
        "keep_hourly": 4,
        "keep_daily": 7,
        "keep_weekly": 4,
        "keep_monthly": 12,
        "keep_yearly": 5,
        "keep_within": timedelta(days=2),
    },
]


def argument(name: str, value: object) -> list[str]:
    """The rule as restic's command line has it."""
    option = f"--{name.replace('_', '-')}".replace("tags", "tag")
    if isinstance(value, timedelta):
        return [option, f"{value // timedelta(hours=1)}h"]
    return [option, ",".join(value) if isinstance(value, tuple) else str(value)]


def kept_by_restic(folder: Path, rules: dict[str, object]) -> dict[str, list[str]]:
    """The reasons by which restic itself keeps each snapshot."""
    assert RESTIC
    options = [part for name, value in rules.items() for part in argument(name, value)]
    found = subprocess.run(
        [
            RESTIC,
            "-r",
            folder,
            "--no-cache",
            "--no-lock",
            "forget",
            "--dry-run",
            "--json",
            *options,
        ],
        env={**os.environ, "RESTIC_PASSWORD": PASSWORD, "TZ": "Europe/Paris"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    groups = json.loads(found.stdout)
    return {
        reason["snapshot"]["time"]: sorted(reason["matches"])
        for group in groups
        for reason in group["reasons"]
    }


@pytest.mark.real
@pytest.mark.parametrize("times", TIMES)
def test_restic_keeps_the_same(tmp_path: Path, times: str) -> None:
    """By each rule, and by all at once, with the clocks' change in between; reasons alike."""
    if not RESTIC and not os.environ.get("CI"):
        pytest.skip("restic is not installed")
    store, work = FolderStore(tmp_path / "repository"), tmp_path / "work"
    identity = Identity("backup", "expiry-test")
    snapshots = []
    with Repository.create(
        store, PASSWORD.encode(), identity=identity, work_folder=work
    ) as repository:
        for n, before in enumerate(TIMES[times]):
            time = (NOW.astimezone(UTC) - before).astimezone(PARIS)
            found = Snapshot(
                time=time,
                tree="0" * 64,
                paths=("/srv",),
                hostname=f"web-{n % 7 // 5}",
                tags=("odd",) if n % 2 else (),
            )
            snapshots.append(save_snapshot(repository, found))
    for rules in ARGUMENTS:
        plan = plan_expiry(snapshots, retention_by(rules), NOW, PARIS)
        within = rules.get("keep_within")
        ours = {
            verdict.snapshot.time.isoformat(): sorted(
                reason.replace(f"{within}", argument("keep_within", within)[1])
                for reason in verdict.reasons
            )
            for group in plan.groups
            for verdict in group.verdicts
            if verdict.kept
        }
        assert kept_by_restic(tmp_path / "repository", rules) == ours
