"""The table that remembers every evaluation, and its rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from boathouse.core.evaluation.comparison import Estimate
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.tables import Column, TableContract

EVALUATIONS = TableContract(
    name="audit.evaluations",
    description="Metrics of every version on its test rows, with intervals, by slice and against rivals.",
    grain="One row per version, role, slice and metric.",
    columns=(
        Column(name="model_name", dtype="string", description="Registered name of the candidate."),
        Column(name="model_version", dtype="string", description="Version of the candidate."),
        Column(
            name="role",
            dtype="string",
            description="Whose number it is; versus_ is candidate less the other.",
            allowed=("candidate", "baseline", "champion", "versus_baseline", "versus_champion"),
        ),
        Column(name="slice_key", dtype="string", description="Column that cuts; ':all' for all rows."),
        Column(name="slice_value", dtype="string", description="Its value; ':all' for all rows."),
        Column(name="metric", dtype="string", description="Name of the metric."),
        Column(name="value", dtype="double", description="The metric; null where undefined.", nullable=True),
        Column(name="low", dtype="double", description="Lower bound; null without interval.", nullable=True),
        Column(name="high", dtype="double", description="Upper bound; null without interval.", nullable=True),
    ),
    keys=("model_name", "model_version", "role", "slice_key", "slice_value", "metric"),
)

Row = tuple[str, str, str, str, str, str, float | None, float | None, float | None]
_ALL = ":all"


def evaluation_rows(report: EvaluationReport) -> list[Row]:
    """Return the rows of ``audit.evaluations`` for one report."""
    return [(report.subject.name, report.subject.version, *rest) for rest in (*_overall(report), *_parts(report))]


def _overall(report: EvaluationReport) -> Iterator[tuple[str, str, str, str, float | None, float | None, float | None]]:
    estimates: dict[str, Mapping[str, Estimate]] = {
        "candidate": report.metrics,
        "baseline": report.baseline.metrics,
        "versus_baseline": report.baseline.difference,
    }
    if report.champion:
        estimates |= {"champion": report.champion.metrics, "versus_champion": report.champion.difference}
    for role, metrics in estimates.items():
        for name, each in metrics.items():
            yield role, _ALL, _ALL, name, _known(each.value), _known(each.low), _known(each.high)
    yield "candidate", _ALL, _ALL, "calibration_error", _known(report.calibration_error), None, None


def _parts(report: EvaluationReport) -> Iterator[tuple[str, str, str, str, float | None, float | None, float | None]]:
    for each in report.slices:
        for name in ("rows", "observed", "predicted", "roc_auc", "brier_score"):
            yield "candidate", each.key, each.value, name, _known(float(getattr(each, name))), None, None
    for fairness in report.fairness:
        for name in ("demographic_parity_difference", "equalized_odds_difference"):
            yield "candidate", fairness.sensitive, _ALL, name, _known(getattr(fairness, name)), None, None
        for group in fairness.groups:
            for name in ("selection_rate", "true_positive_rate", "false_positive_rate", "positive_predictive_value"):
                yield "candidate", fairness.sensitive, group.group, name, _known(getattr(group, name)), None, None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
