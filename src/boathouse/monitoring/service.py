"""How endpoints and pipelines run: latency, errors, throughput, freshness, memory and cost, and the levels promised."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.monitoring.measures import Measure
from boathouse.monitoring.request_measures import name_endpoint
from boathouse.monitoring.requests import SHADOW
from boathouse.monitoring.service_options import AVAILABILITY, ENDPOINT_LEVELS, FRESHNESS, PIPELINE_LEVELS, SECONDS
from boathouse.monitoring.windows import Window, window_of

if TYPE_CHECKING:
    from boathouse.monitoring.run_usage import RunUsage
    from boathouse.monitoring.service_options import ServiceLevels, ServiceOptions

Row = dict[str, Any]
LEVEL_MET = "service_level_met"
_PERCENTILES = {"latency_ms_p50": 0.5, "latency_ms_p95": 0.95, "latency_ms_p99": 0.99}
# Too much to do is the server's fault, not the caller's.
_TOO_MANY = 429
_SCORING = ("batch_inference", "stream_inference")
_SECONDS_AN_HOUR = 3_600


def measure_endpoints(rows: Iterable[Row], now: datetime, options: ServiceOptions) -> list[Measure]:
    """Return latency, failures and throughput of each endpoint, day by day and over all days that were read.

    A request is one, whatever its number of records; a copy for a shadow is none. Latency is that of answered
    requests. ``error_rate`` is the share that the endpoint could not answer (5xx and 429), ``refused_rate`` the share
    with another 4xx, ``availability`` the share answered of all but the refused. ``throughput_per_s`` counts what the
    sampling left out, over the part of the window that is past.

    Args:
        rows: Of ``monitoring.requests``.
        now: Time of the run; aware.
        options: Least requests, and confidence.
    """
    days: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for row in rows:
        if row["row_number"] == 0 and row["mode"] != SHADOW:
            days[row["endpoint"], row["request_date"]].append(row)
    measures = []
    for endpoint in sorted({endpoint for endpoint, _ in days}):
        own = sorted(day for name, day in days if name == endpoint)
        windows = [window_of(day, "day") for day in own]
        whole = Window(own[0], own[-1] + timedelta(days=1))
        for window in dict.fromkeys([*windows, whole]):
            members = [row for day in own if window.start <= day < window.end for row in days[endpoint, day]]
            measures += _measure_window(members, name_endpoint(endpoint), window, now=now, options=options)
    return measures


def _measure_window(
    rows: Sequence[Row], subject: str, window: Window, *, now: datetime, options: ServiceOptions
) -> list[Measure]:
    from boathouse.endpoints.experiments.statistics import wilson_interval

    of = Measure(kind="service", metric="", subject=subject, window=window, value=None, rows=len(rows))
    status = np.array([row["status_code"] for row in rows])
    failed = int(((status >= 500) | (status == _TOO_MANY) | (status == 0)).sum())
    refused = int(((status >= 400) & (status < 500) & (status != _TOO_MANY)).sum())
    enough = len(rows) >= options.minimum_requests
    latencies = np.sort([row["latency_ms"] for row in rows if 0 < row["status_code"] < 400])
    rates = {
        "error_rate": (failed, len(rows)),
        "refused_rate": (refused, len(rows)),
        AVAILABILITY: (len(rows) - refused - failed, len(rows) - refused),
    }
    measures = [
        _describe_quantile(latencies, share, replace(of, metric=name, rows=len(latencies)), options)
        for name, share in _PERCENTILES.items()
    ]
    for name, (hits, total) in rates.items():
        low, high = wilson_interval(hits, total, options.confidence)
        value = hits / total if total else None
        measures.append(
            replace(of, metric=name, value=value, low=low, high=high, rows=total)
            if enough and total
            else replace(of, metric=name, rows=total, status="too_few")
        )
    stood_for = sum(1 / max(row["sampling_fraction"], 1e-9) for row in rows)
    begin, end = (datetime.combine(day, time(), tzinfo=UTC) for day in (window.start, window.end))
    seconds = max(1.0, (min(end, now) - begin).total_seconds())
    return [*measures, replace(of, metric="throughput_per_s", value=stood_for / seconds)]


def _describe_quantile(values: np.ndarray, share: float, of: Measure, options: ServiceOptions) -> Measure:
    """Return a quantile with its interval from the order statistics.

    The ranks are those between which the number of smaller values lies with the confidence asked for, by the normal
    approximation of the binomial. Source: Conover (1999), Practical Nonparametric Statistics, 3rd edition, 3.2.
    """
    from boathouse.endpoints.experiments.statistics import normal_quantile

    count = len(values)
    if count < options.minimum_requests:
        return replace(of, status="too_few")
    half = normal_quantile(options.confidence) * math.sqrt(count * share * (1 - share))
    ranks = [min(count - 1, max(0, math.floor(count * share + each))) for each in (-half, half)]
    low, high = (float(values[rank]) for rank in ranks)
    value = float(np.quantile(values, share))
    return replace(of, value=value, low=min(low, value), high=max(high, value))


def measure_freshness(newest: Mapping[str, date | None], as_of: date) -> list[Measure]:
    """Return how many days the newest time of what each pipeline or endpoint makes or reads is before the cutoff.

    Negative is a time after the cutoff: a clock ran ahead. Nothing made yet is ``pending``.
    """
    window = window_of(as_of, "day")
    return [
        Measure(
            kind="service",
            metric=FRESHNESS,
            subject=subject,
            window=window,
            value=None if day is None else float((as_of - day).days),
            status="pending" if day is None else "measured",
            detail="Nothing was made yet." if day is None else f"The newest is of {day}.",
        )
        for subject, day in sorted(newest.items())
    ]


def measure_runs(
    usages: Sequence[RunUsage], predictions: Mapping[str, int], as_of: date, options: ServiceOptions
) -> list[Measure]:
    """Return seconds, memory and cost of the newest finished run of each pipeline, and cost per thousand predictions.

    Args:
        usages: What runs took, the newest first.
        predictions: Predictions by MLflow run.
        as_of: Cutoff of this run, whose day dates the measures.
        options: The price.
    """
    window, seen, measures = window_of(as_of, "day"), set(), []
    for usage in usages:
        for pipeline, seconds in sorted(usage.seconds.items()):
            if pipeline in seen:
                continue
            seen.add(pipeline)
            cost = seconds * options.price_per_hour / _SECONDS_AN_HOUR
            of = Measure(kind="service", metric=SECONDS, subject=pipeline, window=window, value=seconds)
            measures += [of, replace(of, metric="run_cost", value=cost)]
            if usage.peak_memory_mb is not None:
                measures.append(replace(of, metric="run_peak_memory_mb", value=usage.peak_memory_mb))
            rows = predictions.get(usage.run_id, 0)
            if rows and pipeline in _SCORING:
                per_thousand = cost / rows * 1_000
                measures.append(replace(of, metric="cost_per_thousand_predictions", value=per_thousand, rows=rows))
    return measures


def check_levels(measures: Iterable[Measure], levels: ServiceLevels, as_of: date) -> list[Measure]:
    """Return ``service_level_met`` of each level in conf: 1 if it is kept, 0 if not, nothing where it is not known.

    A level of an endpoint counts over all days that were read, the longest window there is of it; the scope names it.
    """
    longest: dict[tuple[str, str], Measure] = {}
    for each in measures:
        former = longest.get((each.subject, each.metric))
        if former is None or _days(each) >= _days(former):
            longest[each.subject, each.metric] = each
    promised = [
        *((name_endpoint(name), own, ENDPOINT_LEVELS) for name, own in levels.endpoints.items()),
        *((name, own, PIPELINE_LEVELS) for name, own in levels.pipelines.items()),
    ]
    return [
        _check_level(
            longest.get((subject, metric)), subject, metric, target=target, is_least=known[metric], as_of=as_of
        )
        for subject, own, known in promised
        for metric, target in own.items()
    ]


def _days(measure: Measure) -> int:
    return (measure.window.end - measure.window.start).days


def _check_level(
    found: Measure | None, subject: str, metric: str, *, target: float, is_least: bool, as_of: date
) -> Measure:
    promise = f"{metric} has to be {'at least' if is_least else 'at most'} {target:g}"
    window = window_of(as_of, "day") if found is None else found.window
    of = Measure(kind="service", metric=LEVEL_MET, subject=subject, window=window, value=None, scope=f"level={metric}")
    if found is None or found.value is None:
        status = "pending" if found is None else found.status
        return replace(of, status=status, detail=f"{promise}; it is not known.")
    is_met = found.value >= target if is_least else found.value <= target
    detail = f"{promise}; it is {found.value:.6g}."
    return replace(of, value=float(is_met), rows=found.rows, detail=detail)
