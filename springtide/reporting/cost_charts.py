"""The pictures of a cost report: what ran when, what it cost, and what it will come to.

A year has 365 days: beyond a quarter, days are drawn as weeks. Figures become floats here, as
pictures need no more; the page's tables keep them exact.
"""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import altair as alt

from springtide.model.cost_figures import CostForecast, CostReport
from springtide.reporting.drawing import FAINT, INK, SERIES, Chart, draw

WIDTH, HEIGHT = 760, 220
_LONG_DAYS = 92
_MOST_HOURS = 744
_MOST_GROUPS = 5
_OTHERS = "others"
Row = dict[str, Any]


def cost_charts(report: CostReport) -> dict[str, str]:
    """Each picture as SVG by its name; one without data is left out."""
    drawn: dict[str, Callable[[CostReport], Chart | None]] = {
        "running": _running,
        "daily": _daily,
        "hours": _hours,
        "even": _break_even,
        "unit": _unit_cost,
        "storage": _storage,
    }
    charts = {name: chart for name, make in drawn.items() if (chart := make(report))}
    fans = {f"fan{n}": _fan(report, forecast) for n, forecast in enumerate(report.forecasts)}
    return {name: draw(chart, name) for name, chart in {**charts, **fans}.items()}


def _rows(rows: Iterable[Row]) -> alt.Data:
    return alt.Data(values=list(rows))  # type: ignore[no-untyped-call]


def _days(report: CostReport, **more: Any) -> alt.X:  # noqa: ANN401 - options of an axis
    first, last = report.period.first, report.period.last
    # In UTC, else the picture would hang on the time zone of the machine that draws it.
    domain = [first.isoformat(), (last + timedelta(days=1)).isoformat()]
    scale = alt.Scale(type="utc", domain=domain)
    few = report.period.last - report.period.first < timedelta(days=_LONG_DAYS)
    axis = alt.Axis(format="%-d %b" if few else "%b %Y", title=None, grid=False, labelFlush=True)
    return alt.X("day:T", scale=scale, axis=axis, **more)


def _running(report: CostReport) -> Chart | None:
    """Hour by day; the darker, the more servers."""
    if not report.running:
        return None
    most = max(cell.servers for cell in report.running)
    rows = (
        {
            "day": cell.day.isoformat(),
            "next": (cell.day + timedelta(days=1)).isoformat(),
            "hour": cell.hour,
            "to": cell.hour + 1,
            "servers": cell.servers,
        }
        for cell in report.running
    )
    shade = alt.Scale(type="sqrt", domain=[0, most], range=[0.08, 1])
    hours = alt.Axis(
        values=[0, 6, 12, 16, 22, 24], title="hour of the day", labelExpr="datum.value + ':00'"
    )
    return (
        alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT)
        .mark_rect(color=SERIES[0])
        .encode(
            x=_days(report),
            x2="next:T",
            y=alt.Y("hour:Q", scale=alt.Scale(domain=[24, 0], nice=False), axis=hours),
            y2="to:Q",
            opacity=alt.Opacity("servers:Q", scale=shade, legend=_legend("servers", _steps(most))),
        )
    )


def _daily(report: CostReport) -> Chart | None:
    """Bars of each day, or week, by group."""
    if not report.daily:
        return None
    shown = [name for name, _, _ in report.groups[:_MOST_GROUPS]]
    groups = [*shown, _OTHERS] if len(report.groups) > _MOST_GROUPS else shown
    begin = _buckets(report)
    sums: dict[tuple[date, str], Decimal] = {}
    for cost in report.daily:
        key = (begin(cost.day), cost.group if cost.group in shown else _OTHERS)
        sums[key] = sums.get(key, Decimal(0)) + cost.effective
    rows = (
        {"day": day.isoformat(), "group": group, "cost": float(cost), "rank": groups.index(group)}
        for (day, group), cost in sorted(sums.items())
    )
    return (
        alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT)
        .mark_bar(size=_bar_width(report))
        .encode(
            x=_days(report),
            y=_money(report, "cost", "a week" if _is_long(report) else "a day"),
            color=_coloured("group", groups),
            order="rank:Q",
        )
    )


def _hours(report: CostReport) -> Chart | None:
    """Fewest to most billed hours of a server, and their mean, on each day; the window's beside."""
    if not report.hours:
        return None
    rows = [
        {
            "day": each.day.isoformat(),
            "least": each.least,
            "mean": float(each.mean),
            "most": each.most,
        }
        for each in report.hours
    ]
    base = alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT).encode(x=_days(report))
    title = "billed hours of a server"
    span = base.mark_rule(color=SERIES[0], strokeOpacity=0.35, strokeWidth=2).encode(
        y=alt.Y("least:Q", title=title), y2="most:Q"
    )
    means = base.mark_circle(color=SERIES[0], size=26, opacity=1).encode(
        y=alt.Y("mean:Q", title=title)
    )
    window = [] if report.window_hours is None else [_line_at(report.window_hours)]
    return alt.layer(span, means, *window)


def _break_even(report: CostReport) -> Chart | None:
    """What a server costs a month by the hour, and by the month."""
    found = report.break_even
    if found is None:
        return None
    hourly, monthly = float(found.hourly), found.monthly
    rows = [
        {"hours": h, "cost": h * hourly, "plan": "by the hour"}
        for h in range(0, _MOST_HOURS + 1, 8)
    ]
    if monthly is not None:
        rows += [
            {"hours": h, "cost": float(monthly), "plan": "monthly plan"} for h in (0, _MOST_HOURS)
        ]
    here = [{"hours": float(found.hours), "cost": float(found.hours) * hourly, "plan": "here"}]
    hours = alt.X(
        "hours:Q",
        title="billed hours a month",
        scale=alt.Scale(domain=[0, _MOST_HOURS], nice=False),
    )
    lines = (
        alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT)
        .mark_line(strokeWidth=2)
        .encode(
            x=hours,
            y=_money(report, "cost", "a server and month"),
            color=_coloured("plan", ["by the hour", "monthly plan"], symbol="stroke"),
        )
    )
    point = alt.Chart(_rows(here)).mark_point(color=INK, size=90, filled=True, opacity=1)
    label = alt.Chart(_rows(here)).mark_text(color=INK, align="left", dx=10, dy=-8)
    told = alt.value(f"here: {found.hours:.0f} hours")
    return alt.layer(
        lines,
        point.encode(x="hours:Q", y="cost:Q"),
        label.encode(x="hours:Q", y="cost:Q", text=told),
    )


def _unit_cost(report: CostReport) -> Chart | None:
    """Cost of a thousand connections, day by day."""
    rows = [
        {"day": each.day.isoformat(), "cost": float(each.per_thousand)}
        for each in report.unit_costs
        if each.per_thousand is not None
    ]
    if not rows:
        return None
    return (
        alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT)
        .mark_circle(color=SERIES[0], size=26, opacity=1)
        .encode(
            x=_days(report),
            y=_money(report, "cost", "for 1,000 connections").scale(type="log"),
        )
    )


def _storage(report: CostReport) -> Chart | None:
    """Terabytes by kind of storage."""
    if not report.storage:
        return None
    begin = _buckets(report)
    # What moves from one kind to another within a week must not count twice: its last day tells.
    last = {begin(each.day): each.day for each in report.storage}
    rows = (
        {
            "day": begin(each.day).isoformat(),
            "group": each.group,
            "tb": float(each.terabytes),
        }
        for each in report.storage
        if each.day == last[begin(each.day)]
    )
    groups = sorted({each.group for each in report.storage})
    return (
        alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT)
        .mark_bar(size=_bar_width(report))
        .encode(
            x=_days(report),
            y=alt.Y("tb:Q", title="TB"),
            color=_coloured("group", groups),
        )
    )


def _fan(report: CostReport, forecast: CostForecast) -> Chart:
    """What is spent, and between which bounds it is expected to go on."""
    rows = [
        {
            "day": each.day.isoformat(),
            "actual": None if each.actual is None else float(each.actual),
            "expected": float(each.expected),
            "low": float(each.low),
            "high": float(each.high),
        }
        for each in forecast.days
    ]
    scale = alt.Axis(format="%-d %b", title=None, grid=False)
    base = alt.Chart(_rows(rows), width=WIDTH, height=HEIGHT).encode(
        x=alt.X("day:T", axis=scale, scale=alt.Scale(type="utc"))
    )
    ahead = base.transform_filter("datum.actual === null")
    title = "low"
    fan = ahead.mark_area(color=SERIES[0], opacity=0.2).encode(
        y=_money(report, title, "since its first day"), y2="high:Q"
    )
    middle = ahead.mark_line(color=SERIES[0], strokeDash=[5, 4]).encode(y="expected:Q")
    behind = base.transform_filter("datum.actual !== null")
    known = behind.mark_line(color=SERIES[0], strokeWidth=2.5).encode(y="actual:Q")
    limits = {a.limit for a in report.alerts if a.budget == forecast.name}
    return alt.layer(fan, middle, known, *(_line_at(float(limit)) for limit in limits))


def _line_at(value: float) -> Chart:
    line = alt.Chart(_rows([{"at": value}])).mark_rule(color=FAINT, strokeDash=[2, 3])
    return line.encode(y="at:Q")


def _is_long(report: CostReport) -> bool:
    return len(report.period.days()) > _LONG_DAYS


def _bar_width(report: CostReport) -> int:
    days = 7 if _is_long(report) else 1
    return max(2, WIDTH * days // len(report.period.days()) - 2)


def _buckets(report: CostReport) -> Callable[[date], date]:
    """The first day of the bar that a day belongs to."""
    if not _is_long(report):
        return lambda day: day
    return lambda day: max(report.period.first, day - timedelta(days=day.weekday()))


def _money(report: CostReport, field: str, of: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=f"{report.currency} {of}")


def _coloured(field: str, groups: list[str], *, symbol: str = "square") -> alt.Color:
    colours = [SERIES[n % len(SERIES)] for n in range(len(groups))]
    scale = alt.Scale(domain=groups, range=colours)
    return alt.Color(f"{field}:N", scale=scale, legend=alt.Legend(title=None, symbolType=symbol))


def _legend(title: str, values: list[int]) -> alt.Legend:
    return alt.Legend(
        title=title,
        values=values,
        symbolType="square",
        symbolFillColor=SERIES[0],
        symbolStrokeWidth=0,
    )


def _steps(most: int) -> list[int]:
    """A few numbers up to `most` for a legend."""
    return sorted({max(1, most * part // 10) for part in (1, 3, 6, 10)})
