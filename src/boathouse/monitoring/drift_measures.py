"""Drift as measures: what alert rules, reports and retraining read of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from boathouse.monitoring.alerts import describe_effect, describe_infinite, describe_nulls, describe_values
from boathouse.monitoring.measures import NO_MODEL, Measure
from boathouse.monitoring.profile_table import WHOLE_TABLE
from boathouse.monitoring.windows import ComparedWindows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boathouse.monitoring.alerts import Findings
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.multivariate import TableFigure
    from boathouse.monitoring.reference import Baseline
    from boathouse.monitoring.slices import SliceShare
    from boathouse.monitoring.windows import Period, ScoredWindow

Compared = Literal["feature", "prediction", "label"]


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """What a set of drifts has in common.

    Attributes:
        kind: Whether features, the answer or the label were compared.
        windows: What was compared.
        model_version: Version that it is about.
        compared_with: Table at a version, or window, that it is compared with.
    """

    kind: Compared
    windows: ComparedWindows
    model_version: str = NO_MODEL
    compared_with: str = ""


def group_drifts(findings: Findings, window: ScoredWindow, period: Period) -> list[tuple[Comparing, list[ColumnDrift]]]:
    """Return the drifts with what they have in common: of the features, of what the model answers, of the label."""
    version, baseline = window.model_version, findings.baseline
    windows = ComparedWindows.against_baseline(window.newest, period)
    if baseline and baseline.cohort:
        windows = ComparedWindows.consecutive(baseline.cohort, window.newest, period)
    title = baseline.title if baseline else ""
    features = Comparing(kind="feature", windows=windows, model_version=version, compared_with=title)
    groups = [(features, list(findings.features))]
    if findings.scores and window.previous:
        before = ComparedWindows.consecutive(window.previous, window.newest, period)
        title = f"the cohort of {window.previous}"
        answer = Comparing(kind="prediction", windows=before, model_version=version, compared_with=title)
        groups.append((answer, list(findings.scores)))
    if findings.labels:
        earlier, newest = (rate.cohort for rate in findings.rates[-2:])
        both = ComparedWindows.consecutive(earlier, newest, period)
        label = Comparing(kind="label", windows=both, compared_with=f"the cohort of {earlier}")
        groups.append((label, list(findings.labels)))
    return groups


def measure_drifts(drifts: Iterable[ColumnDrift], comparing: Comparing) -> list[Measure]:
    """Return the measures of each column.

    ``effect`` is the distance beyond chance with its bounds; of a column that is measured and not judged it is named
    ``unjudged_effect``. ``null_share_change`` (-1 to 1) and ``infinite_share`` are of kind ``data``, and so is
    ``uncomparable_column``, 1 for a column that is not there or of another type, else 0. ``surprising_value_share`` is
    the share of rows with values that came or went, 0 where chance explains them; ``filled_share`` is by how much the
    share of nulls fell. A figure that is as it should be is
    a measure too: an alert about it ends by it.
    """
    return [measure for drift in drifts for measure in _measure_column(drift, comparing)]


def _measure_column(drift: ColumnDrift, comparing: Comparing) -> list[Measure]:
    compared, metric = drift.comparison, "unjudged_effect" if drift.left_out else "effect"
    own = Measure(
        kind=comparing.kind,
        metric=metric,
        subject=drift.column,
        window=comparing.windows.current,
        value=compared.effect.value,
        low=compared.effect.low,
        high=compared.effect.high,
        rows=compared.current_rows,
        scope=drift.scope,
        model_version=comparing.model_version,
        compared_with=comparing.compared_with,
        detail=f"{describe_effect(drift)}{'' if drift.is_input else '; the model does not take it'}.",
    )
    # What is of the data has no bounds unless it is given some.
    data = replace(own, kind="data", low=None, high=None, detail="")
    if drift.problem:
        detail = f"{drift.column} cannot be compared: {drift.problem}."
        missing = replace(own, value=None, low=None, high=None, status="not_estimable", detail=detail)
        return [missing, replace(data, metric="uncomparable_column", value=1.0, detail=detail)]
    nulls, margin = compared.null_delta, max(0.0, compared.null_effect.high - compared.null_effect.distance)
    bounds = max(-1.0, nulls - margin), min(1.0, nulls + margin)
    said = f"{describe_nulls(drift)}." if nulls else ""
    return [
        own,
        replace(
            data,
            metric="null_share_change",
            value=nulls,
            low=bounds[0],
            high=bounds[1],
            detail=said,
        ),
        *_measure_filled(drift, own, bounds, said),
        replace(data, metric="infinite_share", value=compared.current_infinite_share, detail=describe_infinite(drift)),
        replace(data, metric="uncomparable_column", value=0.0),
        *_measure_values(drift, own),
    ]


def _measure_filled(drift: ColumnDrift, own: Measure, bounds: tuple[float, float], said: str) -> list[Measure]:
    """Return by how much the share of nulls fell: values that are known now and were not when the model was fitted."""
    if drift.left_out:
        return []
    fell = max(0.0, -drift.comparison.null_delta)
    return [
        replace(
            own, metric="filled_share", value=fell, low=max(0.0, -bounds[1]), high=max(0.0, -bounds[0]), detail=said
        )
    ]


def _measure_values(drift: ColumnDrift, own: Measure) -> list[Measure]:
    compared = drift.comparison
    if drift.left_out:
        return []
    share, detail = 0.0, ""
    if compared.is_surprising or compared.is_replaced:
        share = max(compared.new_share, compared.vanished_share)
        detail = f"{drift.column} has other values than before: {describe_values(compared)}."
    return [replace(own, metric="surprising_value_share", value=share, low=None, high=None, detail=detail)]


def measure_reference(baseline: Baseline | None, comparing: Comparing) -> list[Measure]:
    """Return whether the rows that the version was trained on are missing, 1 or 0; nothing where none were read."""
    if baseline is None:
        return []
    instead = f"compared with {baseline.title}" if baseline.title else "not compared with anything"
    detail = (
        f"The features were {instead}, since the rows the model was trained on are not there: {baseline.problem}"
        if baseline.problem
        else ""
    )
    return [
        Measure(
            kind="service",
            metric="reference_missing",
            subject="rows trained on",
            window=comparing.windows.current,
            value=1.0 if baseline.problem else 0.0,
            model_version=comparing.model_version,
            detail=detail,
        )
    ]


def measure_table(figures: Iterable[TableFigure], comparing: Comparing) -> list[Measure]:
    """Return the figures of the table as a whole, their subject ``:table``."""
    return [
        Measure(
            kind=comparing.kind,
            metric=each.name,
            subject=WHOLE_TABLE,
            window=comparing.windows.current,
            value=each.value,
            low=each.low,
            high=each.high,
            rows=each.rows,
            model_version=comparing.model_version,
            compared_with=comparing.compared_with,
            detail=each.detail,
        )
        for each in figures
    ]


def measure_slices(shares: Iterable[SliceShare], comparing: Comparing) -> list[Measure]:
    """Return how the share of each slice among all rows changed, ``slice_share_change``, -1 to 1, with its bounds."""
    measures = []
    for each in shares:
        change, margin = each.now - each.before, each.effect.high - each.effect.distance
        word = "grew" if change > 0 else "shrank" if change < 0 else "stayed"
        measures.append(
            Measure(
                kind=comparing.kind,
                metric="slice_share_change",
                subject=each.column,
                window=comparing.windows.current,
                value=change,
                low=max(-1.0, change - margin),
                high=min(1.0, change + margin),
                rows=each.rows,
                scope=f"{each.column}={each.value}",
                model_version=comparing.model_version,
                compared_with=comparing.compared_with,
                detail=f"The group {each.column} = {each.value} {word}: {each.before:.1%} of the rows before, "
                f"{each.now:.1%} now.",
            )
        )
    return measures
