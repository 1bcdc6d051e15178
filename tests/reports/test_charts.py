"""Charts as geometry: well-formed, without places that are no numbers, whatever is drawn."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from boathouse.reports import rendering
from boathouse.reports.axes import Bounds, Scale, choose_range, label_dates, show_number
from boathouse.reports.bar_charts import Cell, heat_map, paired_bars
from boathouse.reports.charts import Lane, Point, Series, line_chart
from boathouse.reports.marks import NARROW

if TYPE_CHECKING:
    from boathouse.reports.marks import Chart, Mark

DAY = date(2005, 4, 1)
NAN, INFINITE = float("nan"), float("inf")
ROC_AUC = Bounds(minimum=0.5, maximum=1, least=0.5)


def points(*values: float | None, half: float | None = 0.01) -> tuple[Point, ...]:
    made = []
    for number, value in enumerate(values):
        ends = (None, None) if value is None or half is None else (value - half, value + half)
        made.append(Point(at=DAY + timedelta(days=31 * number), value=value, low=ends[0], high=ends[1]))
    return tuple(made)


def line(*values: float | None, half: float | None = 0.01, bounds: Bounds = Bounds()) -> Chart:  # noqa: B008 - frozen
    return line_chart("area", [Series(name="version 1", points=points(*values, half=half))], bounds=bounds)


LANE = Lane(sign="v1", name="version 1", start=DAY, end=DAY + timedelta(days=90), flags=((DAY, "registered"),))
CHARTS: dict[str, Chart] = {
    "no series": line_chart("area", []),
    "no points": line_chart("area", [Series(name="a", points=())]),
    "one point": line(0.79),
    "one point without an interval": line(0.79, half=None),
    "one zero": line(0.0, half=0.0),
    "all equal": line(0.5, 0.5, 0.5, half=0.0),
    "nothing known": line(None, None),
    "no numbers": line(NAN, INFINITE, -INFINITE, 0.5),
    "huge": line(1e300, -1e300, 1e149, -1e149),
    "tiny": line(1e-300, 2e-300),
    "many series": line_chart("area", [Series(name=str(each), points=points(each, each + 1)) for each in range(9)]),
    "many windows": line_chart("area", [Series(name="a", points=points(*range(60)))], wide=True),
    "lanes": line_chart("area", [Series(name="a", points=points(0.7, 0.8))], lanes=[LANE, LANE]),
    "lanes alone": line_chart("area", [], lanes=[LANE], span=(DAY, DAY)),
    "empty map": heat_map("effect", [], [], {}, levels=["low"]),
    "map without cells": heat_map("effect", ["a"], ["b"], {}, levels=["low"]),
    "200 columns": heat_map(
        "effect",
        [f"column {each}" for each in range(200)],
        ["2005-04", "2005-05"],
        {(f"column {each}", "2005-04"): Cell(value=each / 10, level=each % 5, sign="▲") for each in range(200)},
        levels=["a", "b", "c", "d", "e"],
    ),
    "map of no numbers": heat_map("effect", ["a"], ["b"], {("a", "b"): Cell(value=NAN)}, levels=["low"]),
    "no bins": paired_bars("column", []),
    "one bin": paired_bars("column", [("a", 1.0, 1.0)]),
    "bins of nothing": paired_bars("column", [("a", 0.0, 0.0), ("b", NAN, INFINITE)]),
    "hostile": paired_bars("<b>&'\"", [("</svg><script>", 0.1, 0.9)], note="&lt;"),
}


def draw(chart: Chart) -> ET.Element:
    template = rendering._html().from_string('{% import "macros_chart.html.j2" as svg %}{{ svg.chart(chart, "c") }}')
    return ET.fromstring(template.render(chart=chart).strip())  # noqa: S314 - made here


def numbers_of(mark: Mark) -> list[float]:
    texts = (value for name, value in mark.attributes.items() if name != "class")
    return [float(each) for text in texts for each in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", text)]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_has_a_title_and_a_description(name: str) -> None:
    chart = CHARTS[name]
    drawing = draw(chart).find(".//svg")
    assert drawing is not None
    assert drawing.get("role") == "img"
    assert [drawing.findtext("title"), drawing.findtext("desc")] == [chart.title, chart.description]
    labelled = [each.get("id") for each in drawing if each.tag in {"title", "desc"}]
    assert drawing.get("aria-labelledby") == " ".join(map(str, labelled))


@pytest.mark.parametrize("name", CHARTS)
def test_every_place_is_a_number_within_the_drawing(name: str) -> None:
    chart = CHARTS[name]
    assert math.isfinite(chart.width * chart.height)
    for mark in chart.marks:
        assert not re.search("nan|inf", " ".join(value for key, value in mark.attributes.items() if key != "class"))
        assert all(-20 <= number <= max(chart.width, chart.height) + 20 for number in numbers_of(mark))


@pytest.mark.parametrize("name", CHARTS)
def test_every_row_of_numbers_fits_its_head(name: str) -> None:
    assert {len(row) for row in CHARTS[name].rows} <= {len(CHARTS[name].headers)}


def test_a_figure_is_reached_by_the_keyboard_with_its_value_and_interval() -> None:
    chart = line(0.79, None, 0.77)
    reached = [mark for mark in chart.marks if mark.focusable]
    assert [mark.label for mark in reached] == [
        "version 1, 2005-04-01: 0.790 [0.780, 0.800]",
        "version 1, 2005-05-02: –",
        "version 1, 2005-06-02: 0.770 [0.760, 0.780]",
    ]
    shown = [each for each in draw(chart).iter("path") if each.get("tabindex")]
    assert [each.findtext("title") for each in shown] == [each.get("aria-label") for each in shown]
    assert len(shown) == 3


def test_an_estimate_is_a_ring_and_what_is_missing_a_cross() -> None:
    series = Series(
        name="a",
        points=(
            Point(at=DAY, value=0.8, status="estimated", note="by confidence"),
            Point(at=DAY + timedelta(days=31), value=None, status="not_estimable"),
        ),
    )
    chart = line_chart("area", [series])
    estimate, missing = (mark for mark in chart.marks if mark.focusable)
    assert (estimate.attributes["class"], estimate.label) == (
        "point s0 hollow",
        "a, 2005-04-01: 0.800 (estimated). by confidence",
    )
    assert (missing.attributes["class"], missing.label) == ("absent s0", "a, 2005-05-02: not estimable")
    assert [text for _, text in chart.keys] == [
        "a",
        "ring: estimated before labels are known",
        "no value: not estimable",
    ]


def test_series_of_one_look_share_shape_and_colour() -> None:
    made = [
        Series(name=name, points=points(0.5), look=look) for name, look in (("guess", 0), ("truth", 0), ("other", 1))
    ]
    chart = line_chart("area", made)
    assert [mark.attributes["class"] for mark in chart.marks if mark.focusable] == ["point s0", "point s0", "point s1"]
    assert [text for _, text in chart.keys] == ["truth", "other"]


def test_the_axis_of_one_point_is_not_narrow() -> None:
    assert choose_range([0.79], ROC_AUC) == (0.5, 1)
    low, high = choose_range([0.79])
    assert high - low == pytest.approx(0.79 * 0.2 * 1.16)
    assert choose_range([0.4, 0.8], ROC_AUC)[0] == 0.4
    assert choose_range([], Bounds(minimum=0)) == (0, 1.08)
    assert choose_range([0.0]) == (-0.58, 0.58)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.5, 1, ["0.6", "0.8", "1.0"]),
        (0, 1, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (0, 2_000, ["0", "500", "1,000", "1,500", "2,000"]),
        (-3, 5, ["-2", "0", "2", "4"]),
        (0, 4e12, ["0", "1e+12", "2e+12", "3e+12", "4e+12"]),
    ],
)
def test_ticks_are_round(low: float, high: float, texts: list[str]) -> None:
    assert [text for _, text in Scale(low=low, high=high, start=0, end=1).ticks()] == texts


def test_labels_of_dates_are_months_unless_two_share_one() -> None:
    months = [date(2005, month, 1) for month in range(1, 13)]
    assert [text for _, text in label_dates(months, 4)] == ["2005-03", "2005-06", "2005-09", "2005-12"]
    assert [text for _, text in label_dates([date(2005, 1, 1), date(2005, 1, 8)], 4)] == ["01-01", "01-08"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (NAN, "–"), (INFINITE, "–"), (0.79, "0.790"), (0.00012, "0.00012"), (12_345.6, "12,346"), (0, "0")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert show_number(value) == text


def test_a_chart_is_as_wide_as_a_phone_unless_it_has_many_windows() -> None:
    assert {CHARTS[name].width for name in ("one point", "many series", "one bin")} == {NARROW}
    assert CHARTS["many windows"].width > 4 * NARROW


def test_bars_of_a_bin_are_as_long_as_its_shares() -> None:
    chart = paired_bars("column", [("a", 0.1, 0.4), ("b", 0.9, 0.6)])
    lengths = [float(mark.attributes["width"]) for mark in chart.marks if mark.tag == "rect"]
    assert [length / lengths[2] for length in lengths] == pytest.approx([1 / 9, 4 / 9, 1, 6 / 9], abs=0.01)
    assert chart.description == "The largest change is that of a: 10.0% to 40.0%."
