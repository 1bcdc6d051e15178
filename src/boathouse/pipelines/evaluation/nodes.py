"""Steps of evaluation, composed of core and use case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import DataFrame

from boathouse.core.errors import ModelError
from boathouse.core.evaluation.contracts import EVALUATIONS, evaluation_rows
from boathouse.core.evaluation.evaluate import TestRows, evaluate
from boathouse.core.evaluation.intervals import BootstrapOptions
from boathouse.core.evaluation.model_card import write_model_card
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.explanation import Explanation, ExplanationOptions, explain
from boathouse.core.fairness import FairnessOptions
from boathouse.core.modelling.result import LoadedModel, NoModel
from boathouse.core.modelling.threshold import CostOptions
from boathouse.use_case.features import ENTITY_KEYS, FEATURE_NAMES, TIME_COLUMN
from boathouse.use_case.label import LABEL


def take_test_rows(training_set: pd.DataFrame, groups: pd.DataFrame, options: FairnessOptions) -> TestRows:
    """Return the test rows with their groups, in the order of keys.

    Raises:
        ModelError: If the label does not vary in them.
    """
    rows = training_set[training_set["split"] == "test"].sort_values([*ENTITY_KEYS, TIME_COLUMN])
    joined = rows.merge(groups, on=list(ENTITY_KEYS), how="left", validate="many_to_one")
    label = joined[LABEL].to_numpy(dtype=np.int64)
    if len(np.unique(label)) < 2:
        raise ModelError.single_class("test", LABEL)
    days = joined[TIME_COLUMN].astype(str)
    return TestRows(
        columns={name: joined[name].to_numpy(dtype=np.float64) for name in FEATURE_NAMES},
        label=label,
        groups={name: joined[name].fillna("unknown").to_numpy(dtype=str) for name in options.sensitive},
        period=(days.min()[:10], days.max()[:10]),
    )


def explain_candidate(candidate: LoadedModel, rows: TestRows, options: ExplanationOptions) -> Explanation:
    """Return the candidate's contributions on a sample of the test rows."""
    return explain(candidate.scorer, rows.matrix_for(candidate), options)


def evaluate_candidate(
    candidate: LoadedModel,
    baseline: LoadedModel,
    champion: LoadedModel | NoModel,
    rows: TestRows,
    *,
    explanation: Explanation,
    bootstrap: BootstrapOptions,
    fairness: FairnessOptions,
    costs: CostOptions,
) -> EvaluationReport:
    """Return the report on the candidate."""
    return evaluate(
        candidate,
        baseline=baseline,
        champion=champion,
        rows=rows,
        bootstrap=bootstrap,
        fairness=fairness,
        costs=costs,
        importance=explanation.importance,
    )


def publish_report(
    report: EvaluationReport, lender: DataFrame
) -> tuple[DataFrame, dict[str, Any], dict[str, float], str]:
    """Return the report as table rows, as JSON, as flat metrics and as model card; ``lender`` lends its session."""
    schema = ", ".join(f"{column.name} {column.dtype}" for column in EVALUATIONS.columns)
    table = lender.sparkSession.createDataFrame(evaluation_rows(report), schema)
    metrics = {name: each.value for name, each in report.metrics.items()}
    metrics["calibration_error"] = report.calibration_error
    return table, report.to_dict(), metrics, write_model_card(report)


def draw_plots(report: EvaluationReport, explanation: Explanation) -> tuple[Figure, Figure]:
    """Return the calibration curve and the SHAP summary."""
    from boathouse.core.evaluation.plots import plot_calibration, plot_contributions

    title = f"{report.subject.name} version {report.subject.version}"
    return plot_calibration(report.calibration, title=title), plot_contributions(explanation, title=title)
