"""How long to wait before the next try."""

from datetime import UTC, datetime

import pytest

from springtide.clouds.swift.backoff import StorePolicy, advised_s, pause_s

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
POLICY = StorePolicy(first_pause_s=0.5, longest_pause_s=30)


@pytest.mark.parametrize(
    ("failures", "advised", "chance", "expected"),
    [
        pytest.param(1, None, 0.0, 0.5, id="the first one"),
        pytest.param(2, None, 0.0, 1.0, id="twice as long"),
        pytest.param(6, None, 0.0, 16.0, id="and so on"),
        pytest.param(7, None, 0.0, 30.0, id="up to the longest"),
        pytest.param(19, None, 0.0, 30.0, id="and no longer"),
        pytest.param(1, None, 1.0, 0.25, id="less a half by chance"),
        pytest.param(1, 7.0, 0.0, 7.0, id="as advised"),
        pytest.param(1, 7.0, 1.0, 7.5, id="as advised and a little more"),
        pytest.param(9, 0.0, 0.0, 0.0, id="advised to come back at once"),
    ],
)
def test_a_pause_grows_and_never_undercuts_the_servers_advice(
    failures: int, advised: float | None, chance: float, expected: float
) -> None:
    """Chance spreads the calls of many clients."""
    assert expected == pause_s(POLICY, failures, advised, chance)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="no advice"),
        pytest.param({"Retry-After": "7"}, 7.0, id="seconds"),
        pytest.param({"Retry-After": " 0 "}, 0.0, id="at once"),
        pytest.param({"Retry-After": "-3"}, None, id="a negative number"),
        pytest.param({"Retry-After": "²"}, None, id="a digit that is no number"),
        pytest.param({"Retry-After": "soon"}, None, id="a word"),
        pytest.param({"Retry-After": "Mon, 23 Nov 2026 16:00:09 GMT"}, 9.0, id="a date"),
        pytest.param({"Retry-After": "Mon, 23 Nov 2026 15:00:00 GMT"}, 0.0, id="a date of before"),
        pytest.param(
            {
                "Retry-After": "Mon, 23 Nov 2026 12:00:04 GMT",
                "Date": "Mon, 23 Nov 2026 12:00:00 GMT",
            },
            4.0,
            id="a date by a clock that is four hours late",
        ),
        pytest.param(
            {"Retry-After": "Mon, 23 Nov 2026 16:00:09 GMT", "Date": "today"}, 9.0, id="no clock"
        ),
    ],
)
def test_advice_is_read_in_seconds_and_as_a_date(
    headers: dict[str, str], expected: float | None
) -> None:
    """A date counts from the answer's own."""
    assert expected == advised_s(headers, NOW)
