"""Charts over time, as geometry that a template draws as inline SVG: figures of windows, and bars of what lasted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from boathouse.reports.axes import FREE, Bounds, Scale, choose_range, finite, label_dates, show_number
from boathouse.reports.marks import NARROW, Chart, add_note, draw_path, draw_shape, make, write_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from boathouse.reports.marks import Mark

Status = Literal["measured", "estimated", "not_estimable", "pending", "too_few"]

_HEIGHT = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 10, 26
_PER_WINDOW = 40
# Height of a bar of the timeline, with the room below it.
_LANE = 24
# Series are told apart by shape as well as by colour; further ones stand in the table alone.
SHAPES = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One figure of one window.

    Attributes:
        at: First day of the window.
        value: The figure; None where the status says why there is none.
        low: Lower end of its interval, or None.
        high: Upper end likewise.
        status: ``measured`` is drawn filled, ``estimated`` hollow, any other on the axis.
        note: Evidence in words; empty for none.
    """

    at: date
    value: float | None
    low: float | None = None
    high: float | None = None
    status: Status = "measured"
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one name, in the order of their windows.

    Attributes:
        name: What they are of.
        points: The points.
        look: Place of colour and shape, 0 to 3; series of one look belong together. None: the next that is free.
    """

    name: str
    points: tuple[Point, ...]
    look: int | None = None


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One bar of a timeline.

    Attributes:
        sign: Two or three letters beside it.
        name: What it is of.
        start: Its first day.
        end: Day after its last.
        flags: Days on it that something happened, with what.
        note: What the bar stands for.
    """

    sign: str
    name: str
    start: date
    end: date
    flags: tuple[tuple[date, str], ...] = ()
    note: str = ""


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    bounds: Bounds = FREE,
    span: tuple[date, date] | None = None,
    wide: bool = False,
    lanes: Sequence[Lane] = (),
) -> Chart:
    """Return figures over windows, each with its interval, above bars on the same axis.

    At most four looks are drawn; all series are in the table.

    Args:
        title: What the figures are.
        series: The figures.
        bounds: What the axis of values may be.
        span: First and last day of the axis; by default those of the points.
        wide: Whether the chart is wider than a phone where it has many windows.
        lanes: Bars below the dates.
    """
    days = [point.at for each in series for point in each.points]
    width = _choose_width(days, wide=wide)
    across = _date_scale([*days, *(span or ())], width)
    drawn = [(each, look) for each, look in _choose_looks(series) if look < len(SHAPES)]
    shown = [number for each, _ in drawn for point in each.points for number in _numbers_of(point)]
    low, high = choose_range(shown, bounds)
    up = Scale(low=low, high=high, start=_HEIGHT - _BOTTOM, end=_TOP)
    marks = [*_draw_grid(up, width), *_draw_dates(days, across, _HEIGHT)]
    for each, look in drawn:
        marks += _draw_series(each, look, across, up)
    for line, lane in enumerate(lanes):
        marks += _draw_lane(lane, across, _HEIGHT + _LANE * line)
    return Chart(
        title=title,
        description=_describe_series(series),
        width=width,
        height=_HEIGHT + _LANE * len(lanes),
        marks=tuple(marks),
        keys=(*_list_keys(drawn), *_LANE_KEYS[: len(lanes)]),
        headers=("series", "window", "status", "value#", "interval#"),
        rows=(
            *(_series_row(each, point) for each in series for point in each.points),
            *(row for lane in lanes for row in _lane_rows(lane)),
        ),
    )


def _choose_looks(series: Sequence[Series]) -> list[tuple[Series, int]]:
    given = [each.look for each in series if each.look is not None]
    free = iter(range(max(given, default=-1) + 1, max(given, default=-1) + 1 + len(series)))
    return [(each, next(free) if each.look is None else each.look) for each in series]


def _choose_width(days: Sequence[date], *, wide: bool) -> int:
    return max(NARROW, _LEFT + _RIGHT + _PER_WINDOW * len(set(days))) if wide else NARROW


def _numbers_of(point: Point) -> list[float]:
    known = (finite(number) for number in (point.value, point.low, point.high))
    return [number for number in known if number is not None] if finite(point.value) is not None else []


def _date_scale(days: Sequence[date], width: int) -> Scale:
    ordinals = [day.toordinal() for day in days] or [0]
    first, last = min(ordinals), max(ordinals)
    room = max(3.0, (last - first) * 0.04)
    return Scale(low=first - room, high=last + room, start=_LEFT, end=width - _RIGHT)


def _draw_grid(up: Scale, width: int) -> Iterator[Mark]:
    for tick, text in up.ticks():
        y = up.place(tick)
        yield make("line", "grid", x1=_LEFT, x2=width - _RIGHT, y1=y, y2=y)
        yield make("text", "axis end", x=_LEFT - 6, y=y + 4, text=text)


def _draw_dates(days: Sequence[date], across: Scale, height: float) -> Iterator[Mark]:
    for day, label in label_dates(days, int((across.end - across.start) // 62)):
        yield make("text", "axis middle", x=across.place(day.toordinal()), y=height - 8, text=label)


def _draw_series(series: Series, look: int, across: Scale, up: Scale) -> Iterator[Mark]:
    css, shape = f"s{look}", SHAPES[look]
    placed = [(point, across.place(point.at.toordinal())) for point in series.points]
    known = [(point, x, value) for point, x in placed if (value := finite(point.value)) is not None]
    ends = [(x, low, high) for point, x, _ in known if (low := finite(point.low)) is not None
            and (high := finite(point.high)) is not None]  # fmt: skip
    if len(ends) > 1:
        edge = [(x, high) for x, _, high in ends] + [(x, low) for x, low, _ in reversed(ends)]
        yield draw_path(f"band {css}", f"M{'L'.join(f'{write_place(x)} {write_place(up.place(y))}' for x, y in edge)}Z")
    for x, low, high in ends:
        yield make("line", f"whisker {css}", x1=x, x2=x, y1=up.place(low), y2=up.place(high))
    for before, after in pairwise(known):
        dashed = " dashed" if "estimated" in {before[0].status, after[0].status} else ""
        steps = "L".join(f"{write_place(x)} {write_place(up.place(value))}" for _, x, value in (before, after))
        yield draw_path(f"line {css}{dashed}", f"M{steps}")
    for point, x in placed:
        value = finite(point.value)
        label = _describe_point(series, point)
        if value is None:
            yield draw_shape("cross", f"absent {css}", x, up.start - 6, label=label, focusable=True)
        else:
            form, hollow = ("ring", " hollow") if point.status == "estimated" else (shape, "")
            yield draw_shape(form, f"point {css}{hollow}", x, up.place(value), label=label, focusable=True)


def _describe_point(series: Series, point: Point) -> str:
    known = finite(point.value) is not None or point.status in {"measured", "estimated"}
    value = show_number(point.value) if known else point.status.replace("_", " ")
    interval = _describe_interval(point)
    status = " (estimated)" if point.status == "estimated" else ""
    return f"{series.name}, {point.at}: {value}{status}{f' {interval}' if interval else ''}{add_note(point.note)}"


def _describe_interval(point: Point) -> str:
    ends = [finite(end) for end in (point.low, point.high)]
    return "" if None in ends else f"[{show_number(ends[0])}, {show_number(ends[1])}]"


def _series_row(series: Series, point: Point) -> tuple[str, ...]:
    status = point.status.replace("_", " ")
    return series.name, str(point.at), status, show_number(point.value), _describe_interval(point) or "–"


def _describe_series(series: Sequence[Series]) -> str:
    known = [(point.at, show_number(point.value)) for each in series for point in each.points if _numbers_of(point)]
    if not known:
        return "No value yet."
    (first, before), (last, after) = min(known), max(known)
    if first == last:
        return f"One window, from {first}: {after}."
    return f"From {before} in the window of {first} to {after} in that of {last}."


def _list_keys(drawn: Sequence[tuple[Series, int]]) -> Iterator[tuple[Mark, str]]:
    statuses = {point.status for each, _ in drawn for point in each.points}
    # Of several series of one look, the last names it.
    for look, name in {look: each.name for each, look in drawn}.items():
        yield draw_shape(SHAPES[look], f"point s{look}", 7, 7), name
    if "estimated" in statuses:
        yield draw_shape("ring", "point s0 hollow", 7, 7), "ring: estimated before labels are known"
    if statuses - {"measured", "estimated"}:
        names = ", ".join(sorted(each.replace("_", " ") for each in statuses - {"measured", "estimated"}))
        yield draw_shape("cross", "absent s0", 7, 7), f"no value: {names}"


def _draw_lane(lane: Lane, across: Scale, y: float) -> Iterator[Mark]:
    start, end = (across.place(day.toordinal()) for day in (lane.start, lane.end))
    yield make("text", "axis end", x=_LEFT - 6, y=y + 14, text=lane.sign, label=lane.name)
    box = partial(make, "rect", x=start, y=y + 2, width=max(end - start, 3.0), height=_LANE - 8, rx=3)
    yield box("lane", label=f"{lane.name}: {_describe_lane(lane)}", focusable=True)
    for day, told in lane.flags:
        x = across.place(day.toordinal())
        yield draw_shape("diamond", "flag", x, y + 10, label=f"{lane.name}, {day}: {told}", focusable=True)


def _describe_lane(lane: Lane) -> str:
    return f"{lane.start} to {lane.end - timedelta(days=1)}{add_note(lane.note)}"


def _lane_rows(lane: Lane) -> list[tuple[str, ...]]:
    rows = [(lane.name, f"{lane.start} to {lane.end - timedelta(days=1)}", lane.note or "–", "–", "–")]
    return [*rows, *((lane.name, str(day), told, "–", "–") for day, told in lane.flags)]


_LANE_KEYS = (
    (make("rect", "lane", x=1, y=2, width=12, height=10, rx=2), "bar: windows that a version scored; ◆ events"),
)
