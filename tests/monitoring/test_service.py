"""Latency, failures, throughput, freshness and cost by hand-made figures, and the levels that they are held against."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from boathouse.errors import OptionError
from boathouse.monitoring.measures import Measure
from boathouse.monitoring.run_usage import RunUsage, read_peak_memory_mb, read_usage
from boathouse.monitoring.service import check_levels, measure_endpoints, measure_freshness, measure_runs
from boathouse.monitoring.service_options import ServiceLevels, ServiceOptions
from boathouse.monitoring.windows import Window

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 3, tzinfo=UTC)
OPTIONS = ServiceOptions(
    window_days=28, cohorts=3, max_rows=100_000, minimum_requests=10, confidence=0.95, price_per_hour=0.72
)
LEVELS = ServiceLevels(
    endpoints={"late": {"latency_ms_p99": 50, "availability": 0.9}},
    pipelines={"batch_inference": {"freshness_days": 3, "run_seconds": 60}},
)


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "request_id": f"r{number}",
        "row_number": 0,
        "mode": "answer",
        "endpoint": "late",
        "request_date": DAY,
        "request_time": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "status_code": 200,
        "latency_ms": float(number),
        "sampling_fraction": 1.0,
        **changes,
    }


def measure(rows: list[dict[str, Any]], now: datetime = NOW) -> dict[str, Measure]:
    """Return the measures of the whole window by name."""
    found = measure_endpoints(rows, now, OPTIONS)
    longest = max((each.window for each in found), key=lambda window: window.end - window.start)
    return {each.metric: each for each in found if each.window == longest}


def test_latency_is_that_of_answered_requests_with_an_interval() -> None:
    rows = [make_row(number) for number in range(1, 101)]
    rows += [make_row(9_999, status_code=500), make_row(8_888, row_number=1), make_row(7_777, mode="shadow")]
    found = measure(rows)
    assert found["latency_ms_p50"].value == 50.5
    assert found["latency_ms_p95"].value == pytest.approx(95.05)
    # Ranks 40 and 59 of 0 to 99: 50 ∓ 1.96 · √25, rounded down.
    assert (found["latency_ms_p50"].low, found["latency_ms_p50"].high) == (41.0, 60.0)
    assert found["latency_ms_p50"].rows == 100


def test_failures_are_the_servers_and_refusals_the_callers() -> None:
    status = [200] * 14 + [500, 503, 429, 0] + [400, 404]
    found = measure([make_row(number, status_code=code) for number, code in enumerate(status)])
    assert (found["error_rate"].value, found["refused_rate"].value) == (4 / 20, 2 / 20)
    assert (found["availability"].value, found["availability"].rows) == (14 / 18, 18)
    assert found["error_rate"].low < 0.2 < found["error_rate"].high


def test_throughput_counts_what_sampling_left_out_over_the_time_that_is_past() -> None:
    rows = [make_row(number, sampling_fraction=0.1) for number in range(12)]
    assert measure(rows)["throughput_per_s"].value == pytest.approx(120 / 86_400)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert measure(rows, noon)["throughput_per_s"].value == pytest.approx(120 / 43_200)


def test_each_day_is_measured_and_all_together() -> None:
    rows = [make_row(number, request_date=DAY + timedelta(days=number % 2)) for number in range(40)]
    windows = {
        (each.window, each.rows) for each in measure_endpoints(rows, NOW, OPTIONS) if each.metric == "error_rate"
    }
    days = [DAY + timedelta(days=each) for each in range(3)]
    assert windows == {(Window(days[0], days[1]), 20), (Window(days[1], days[2]), 20), (Window(days[0], days[2]), 40)}


def test_few_requests_say_nothing_of_rates_and_no_request_nothing_at_all() -> None:
    found = measure([make_row(number) for number in range(9)])
    assert {found[name].status for name in ("latency_ms_p99", "error_rate", "availability")} == {"too_few"}
    assert found["throughput_per_s"].status == "measured"
    assert measure_endpoints([], NOW, OPTIONS) == []


def test_freshness_is_days_before_the_cutoff() -> None:
    found = {
        each.subject: each for each in measure_freshness({"a": DAY, "b": None, "c": date(2026, 3, 9)}, date(2026, 3, 5))
    }
    assert (found["a"].value, found["b"].value, found["b"].status, found["c"].value) == (4.0, None, "pending", -4.0)


def test_a_run_costs_its_seconds_and_predictions_their_share() -> None:
    usages = [
        RunUsage(run_id="new", seconds={"batch_inference": 50.0}, peak_memory_mb=900.0),
        RunUsage(run_id="old", seconds={"batch_inference": 99.0, "training": 100.0}),
    ]
    found = {(each.subject, each.metric): each.value for each in measure_runs(usages, {"new": 500}, DAY, OPTIONS)}
    assert found == {
        ("batch_inference", "run_seconds"): 50.0,
        # 50 s of 3,600 at 0.72 an hour.
        ("batch_inference", "run_cost"): pytest.approx(0.01),
        ("batch_inference", "run_peak_memory_mb"): 900.0,
        ("batch_inference", "cost_per_thousand_predictions"): pytest.approx(0.02),
        ("training", "run_seconds"): 100.0,
        ("training", "run_cost"): pytest.approx(0.02),
    }


def test_usage_is_read_as_it_is_logged() -> None:
    metrics = {"usage.seconds": 9.0, "usage.seconds.training": 7.0, "usage.peak_memory_mb": 5.0, "roc_auc": 0.7}
    assert read_usage("r", metrics) == RunUsage(run_id="r", seconds={"training": 7.0}, peak_memory_mb=5.0)
    # An interpreter with this module takes some megabytes, and no terabyte.
    assert 5 < read_peak_memory_mb() < 1_000_000


def test_a_level_is_kept_broken_or_not_known() -> None:
    rows = [make_row(number, request_date=DAY + timedelta(days=number % 2)) for number in range(1, 101)]
    measures = measure_endpoints(rows, NOW, OPTIONS) + measure_freshness({"batch_inference": DAY}, date(2026, 3, 3))
    found = {(each.subject, each.scope): each for each in check_levels(measures, LEVELS, DAY)}
    latency = found["endpoint:late", "level=latency_ms_p99"]
    assert (latency.value, latency.rows, latency.window) == (0.0, 100, Window(DAY, date(2026, 3, 3)))
    assert latency.detail == "latency_ms_p99 has to be at most 50; it is 99.01."
    assert found["endpoint:late", "level=availability"].value == 1.0
    assert found["batch_inference", "level=freshness_days"].value == 1.0
    unknown = found["batch_inference", "level=run_seconds"]
    assert (unknown.value, unknown.status) == (None, "pending")


@pytest.mark.parametrize(
    "levels",
    [
        {"endpoints": {"late": {"latency_p99": 1}}},
        {"endpoints": {"late": {"availability": 99.9}}},
        {"endpoints": {"late": {"latency_ms_p99": "fast"}}},
        {"endpoints": {"late": 5}},
        {"pipelines": {"training": {"freshness_days": -1}}},
    ],
)
def test_a_level_that_is_none_is_refused(levels: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        ServiceLevels(**levels)
