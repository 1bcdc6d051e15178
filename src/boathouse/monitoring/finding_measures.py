"""Measures out of the findings of drift and performance, for as long as those are not measures themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.modelling.task import BINARY, Task
from boathouse.monitoring.alerts import Findings, raise_alerts
from boathouse.monitoring.measures import NO_MODEL, Kind, Measure, Status
from boathouse.monitoring.windows import Period, ScoredWindow, Window, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.options import DriftOptions, PerformanceOptions

Messages = dict[tuple[str, str], str]


def measure_findings(
    findings: Findings,
    window: ScoredWindow,
    drift: DriftOptions,
    performance: PerformanceOptions,
    *,
    task: Task = BINARY,
    period: Period = "month",
) -> list[Measure]:
    """Return one measure per figure that a limit is set for.

    The index of a column is the ``low`` end of its interval where the column moved by its test, else that is 0.
    """
    said: Messages = {
        (each.kind, each.subject): each.message for each in raise_alerts(findings, drift, performance, task=task)
    }
    newest = window_of(window.newest, period)
    measures = [
        measure
        for kind, drifts in (("feature", findings.features), ("prediction", findings.scores))
        for each in drifts
        if not each.left_out
        for measure in _measure_column(each, kind, newest, window.model_version, said)  # type: ignore[arg-type]
    ]
    if findings.baseline is not None:
        missing = 1.0 if findings.baseline.problem else 0.0
        message = said.get(("reference", "rows trained on"), "")
        measures.append(
            Measure(
                kind="service",
                metric="reference_missing",
                subject="rows trained on",
                window=newest,
                value=missing,
                model_version=window.model_version,
                detail=message,
            )
        )
    return [*measures, *_measure_labels(findings, said, period), *_measure_model(findings, window, said, task, period)]


def _measure_column(drift: ColumnDrift, kind: Kind, window: Window, version: str, said: Messages) -> Iterator[Measure]:
    compared = drift.comparison
    names = {"feature": ("feature_drift", "unused_feature_drift"), "prediction": ("prediction_drift",)}[kind]
    moved = next((said[name, drift.column] for name in names if (name, drift.column) in said), "")
    wrong = said.get(("data", drift.column), "")
    infinite = compared.current_infinite_share - compared.reference_infinite_share
    came = 0.0 if drift.severity == "none" else max(compared.new_share, compared.vanished_share)
    figures: tuple[tuple[Kind, str, float, float | None, str], ...] = (
        (kind, "psi", compared.psi, compared.psi if drift.severity != "none" else 0.0, moved),
        (kind, "replaced_share", came, None, moved),
        ("data", "null_share_change", abs(compared.null_delta) if drift.null_severity != "none" else 0.0, None, wrong),
        ("data", "infinite_share_change", infinite, None, wrong),
    )
    for own, metric, value, low, detail in figures:
        yield Measure(
            kind=own,
            metric=metric,
            subject=drift.column,
            window=window,
            value=value,
            low=low,
            rows=compared.current_rows,
            model_version=version,
            detail=detail,
        )


def _measure_labels(findings: Findings, said: Messages, period: Period) -> Iterator[Measure]:
    if len(findings.rates) < 2:
        return
    *earlier, newest = findings.rates
    before = sum(each.rows * each.rate for each in earlier) / sum(each.rows for each in earlier)
    yield Measure(
        kind="label",
        metric="label_rate_change",
        subject="label",
        window=window_of(newest.cohort, period),
        value=abs(newest.rate - before),
        rows=newest.rows,
        model_version=NO_MODEL,
        detail=said.get(("label_drift", newest.cohort.isoformat()), ""),
    )


def _measure_model(
    findings: Findings, window: ScoredWindow, said: Messages, task: Task, period: Period
) -> Iterator[Measure]:
    for cohort in findings.cohorts:
        gap = cohort.gap(task)
        where = f"{cohort.cohort} v{cohort.model_version}"
        auc = [cohort.figures.get(name) for name in ("roc_auc", "roc_auc_low", "roc_auc_high")]
        error = [None if gap is None else abs(gap), None, None]
        for metric, (value, low, high), name in (
            ("roc_auc", auc, "roc_auc"),
            ("calibration_error", error, "calibration"),
        ):
            absent: Status = "not_estimable" if cohort.status == "measured" else cohort.status
            yield Measure(
                kind="performance",
                metric=metric,
                subject=window.model_name,
                window=window_of(cohort.cohort, period),
                value=value,
                low=low,
                high=high,
                rows=cohort.labelled,
                model_version=cohort.model_version,
                status=absent if value is None else "measured",
                detail=said.get(("performance", f"{where} {name}"), ""),
            )
