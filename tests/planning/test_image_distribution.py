"""Which regions lack the golden image, and what is removed: nothing but what is nobody's."""

from datetime import UTC, datetime, timedelta

import pytest

from springtide.errors import GuardRefused
from springtide.model.fleet import Fleet
from springtide.model.image import CopyStep, DistributionPlan, StoredImage
from springtide.planning.image_distribution import (
    ABANDONED_AFTER,
    MOST_REMOVALS,
    distribution_rows,
    lacking,
    newest,
    plan_image_distribution,
    planned_outcome,
)
from tests.planning.reports import a_fleet

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FLEET = a_fleet({"name": "GRA11"}, {"name": "SBG5"})


def an_image(name: str = "api-iis-2", **changes: object) -> StoredImage:
    """The golden image, changed as asked."""
    base: dict[str, object] = {
        "id": f"id-{name}",
        "name": name,
        "status": "active",
        "size": 9,
        "hash_algo": "sha512",
        "hash_value": "aa",
        "created_at": NOW - timedelta(days=1),
    }
    return StoredImage.model_validate(base | changes)


def a_copy(status: str = "active", **changes: object) -> StoredImage:
    """A hidden copy of ours, as old as may be; whole where it is active."""
    whole = {} if status == "active" else {"size": None, "hash_algo": None, "hash_value": None}
    made = {"hidden": True, "copy_of": "aa", "status": status, "created_at": NOW - ABANDONED_AFTER}
    return an_image(**(made | whole | changes))


OLD = an_image("api-iis-1", hash_value="bb", created_at=NOW - timedelta(days=9))
NEWER = an_image("api-iis-3", hash_value="cc", created_at=NOW)
YOUNG = NOW - ABANDONED_AFTER + SECOND


def planned(
    *held: StoredImage, fleet: Fleet = FLEET, unread: dict[str, str] | None = None
) -> DistributionPlan:
    """The plan from GRA11, which has the golden image, to SBG5, which holds these."""
    stored = {"GRA11": (OLD, an_image()), "SBG5": held}
    return plan_image_distribution(
        stored, fleet, source_region="GRA11", now=NOW, unread=unread or {}
    )


@pytest.mark.parametrize(
    ("held", "step", "removed"),
    [
        pytest.param((), CopyStep.COPY, 0, id="nothing"),
        pytest.param((OLD,), CopyStep.COPY, 0, id="an older image"),
        pytest.param((an_image(),), CopyStep.KEEP, 0, id="the image"),
        pytest.param((an_image("api-iis-x"),), CopyStep.KEEP, 0, id="by another name"),
        pytest.param((an_image(size=8),), CopyStep.COPY, 0, id="another size"),
        pytest.param((an_image(hash_algo="md5"),), CopyStep.COPY, 0, id="another algorithm"),
        pytest.param((an_image(), NEWER), CopyStep.KEEP, 0, id="behind a newer one"),
        pytest.param((a_copy(),), CopyStep.REVEAL, 0, id="a whole copy that was never shown"),
        pytest.param((a_copy(hash_value="cc"),), CopyStep.COPY, 1, id="a copy of other content"),
        pytest.param(
            (a_copy(hash_value="cc", created_at=YOUNG),),
            CopyStep.COPY,
            0,
            id="the same, of another run that is about to see it",
        ),
        pytest.param((a_copy("saving"),), CopyStep.COPY, 1, id="on its way for an hour"),
        pytest.param(
            (a_copy("saving", created_at=YOUNG),), CopyStep.WAIT, 0, id="a second less than that"
        ),
        pytest.param((a_copy("queued"),), CopyStep.COPY, 1, id="begun an hour ago"),
        pytest.param(
            (a_copy("queued", created_at=YOUNG),), CopyStep.WAIT, 0, id="begun a second later"
        ),
        pytest.param(
            (a_copy("queued", copy_of="zz", created_at=YOUNG),),
            CopyStep.COPY,
            0,
            id="a copy of another image on its way",
        ),
        pytest.param((a_copy(copy_of="zz", hash_value="zz"),), CopyStep.COPY, 1, id="outlived"),
        pytest.param((a_copy(copy_of=None, hash_value="cc"),), CopyStep.COPY, 0, id="not ours"),
        pytest.param(
            (a_copy("saving", hidden=False),), CopyStep.COPY, 0, id="not hidden: not touched"
        ),
    ],
)
def test_what_a_region_needs(held: tuple[StoredImage, ...], step: CopyStep, removed: int) -> None:
    """One step for the region, and what is removed of it."""
    plan = planned(*held)
    assert (step, removed) == (plan.copies[0].step, len(plan.removals))
    assert {held[0].id} >= {removal.image_id for removal in plan.removals} if held else True


def test_the_golden_image_is_the_newest_that_is_shown() -> None:
    """A hidden or unfinished one is none."""
    hidden = a_copy(hash_value="cc", created_at=NOW)
    assert an_image() == newest((OLD, an_image(), hidden, a_copy("saving", hidden=False)))
    assert newest((hidden,)) is None


@pytest.mark.parametrize(
    ("stored", "unread", "said"),
    [
        pytest.param((), {}, "no active image matches api-iis-*", id="none"),
        pytest.param((an_image(hash_value=None),), {}, "nothing tells", id="no hash"),
        pytest.param((an_image(size=None),), {}, "nothing tells", id="no size"),
        pytest.param((), {"GRA11": "503"}, "cannot be read: 503", id="unread"),
    ],
)
def test_a_source_without_an_image_is_refused(
    stored: tuple[StoredImage, ...], unread: dict[str, str], said: str
) -> None:
    """Nothing is planned that could not be verified."""
    with pytest.raises(GuardRefused, match=said.replace("*", r"\*")):
        plan_image_distribution(
            {"GRA11": stored, "SBG5": ()}, FLEET, source_region="GRA11", now=NOW, unread=unread
        )


def test_a_region_that_cannot_be_read_is_left_alone() -> None:
    """The others get their copy, and the outcome says why it has none."""
    fleet = a_fleet()
    stored = {"GRA11": (an_image(),), "RBX1": ()}
    plan = plan_image_distribution(
        stored, fleet, source_region="GRA11", now=NOW, unread={"SBG5": "503"}
    )
    assert [("SBG5", CopyStep.UNREAD), ("RBX1", CopyStep.COPY)] == [
        (copy.region, copy.step) for copy in plan.copies
    ]
    outcome = planned_outcome(plan.copies[0])
    assert outcome is not None
    assert "SBG5: 503" == lacking((outcome,))


def test_a_source_outside_the_fleet_serves_all_of_its_regions() -> None:
    """A region where images are built need not have servers."""
    stored = {"PAR": (an_image(),), "GRA11": (), "SBG5": (an_image(),)}
    plan = plan_image_distribution(stored, FLEET, source_region="PAR", now=NOW, unread={})
    assert [CopyStep.COPY, CopyStep.KEEP] == [copy.step for copy in plan.copies]


def test_planning_after_success_is_empty() -> None:
    """What was copied is kept by the next plan, and nothing of ours is left to remove."""
    plan = planned(an_image(copy_of="aa", created_at=NOW), OLD)
    assert [CopyStep.KEEP] == [copy.step for copy in plan.copies]
    outcome = planned_outcome(plan.copies[0])
    assert outcome is not None
    assert ((), None) == (plan.removals, lacking((outcome,)))


@pytest.mark.parametrize("status", ["queued", "saving", "active"])
def test_a_run_that_was_killed_is_made_good(status: str) -> None:
    """Whatever it left, an hour later the image is copied or shown, and what is no image goes."""
    left = a_copy(status)
    plan = planned(left)
    made = [c for c in plan.copies if planned_outcome(c) is None]
    assert 1 == len(made)
    assert (status != "active") == bool(plan.removals)


def test_an_image_behind_a_newer_one_is_told() -> None:
    """The image is there, and launches take another: a person decides."""
    plan = planned(an_image(), NEWER)
    outcome = planned_outcome(plan.copies[0])
    assert outcome is not None
    assert "api-iis-3 is newer and would be taken" in (lacking((outcome,)) or "")


def test_one_run_removes_few_of_many() -> None:
    """A fault in the rule must not empty a region."""
    many = [a_copy("queued", id=f"{n}") for n in range(MOST_REMOVALS + 1)]
    assert MOST_REMOVALS == len(planned(*many).removals)
    assert 1 + MOST_REMOVALS == len(distribution_rows(planned(*many)))
