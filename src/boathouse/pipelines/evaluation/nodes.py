"""Steps of evaluation, composed of core and use case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import DataFrame

from boathouse.core.evaluation.behaviour import BehaviourCases, BehaviourOptions, BehaviourResult, run_behaviour
from boathouse.core.evaluation.contracts import COMPARISONS, EVALUATIONS, comparison_rows, evaluation_rows
from boathouse.core.evaluation.evaluate import TestRows, evaluate
from boathouse.core.evaluation.intervals import BootstrapOptions
from boathouse.core.evaluation.model_card import write_model_card
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.explanation import Explanation, ExplanationOptions, explain
from boathouse.core.fairness import FairnessOptions
from boathouse.core.features.feature_view import time_name
from boathouse.core.modelling.leakage import LeakageFindings, LeakageOptions, count_future_rows, find_suspicious
from boathouse.core.modelling.matrix import take_split
from boathouse.core.modelling.result import LoadedModel, NoModel
from boathouse.core.modelling.splits import SplitOptions
from boathouse.core.modelling.task import BINARY
from boathouse.core.modelling.threshold import CostOptions
from boathouse.use_case.behaviour import build_cases
from boathouse.use_case.features import CURRENT_VIEWS, ENTITY_KEYS, FEATURE_NAMES, TIME_COLUMN
from boathouse.use_case.label import LABEL


def take_test_rows(
    training_set: pd.DataFrame, groups: pd.DataFrame, options: FairnessOptions, *, split: SplitOptions
) -> TestRows:
    """Return the test rows with their groups, in the order of keys.

    Raises:
        ModelError: If the label does not vary in them.
    """
    rows = training_set[training_set["split"] == "test"].sort_values([*ENTITY_KEYS, TIME_COLUMN])
    joined = rows.merge(groups, on=list(ENTITY_KEYS), how="left", validate="many_to_one")
    days = joined[TIME_COLUMN].astype(str)
    return TestRows(
        columns={name: joined[name].to_numpy(dtype=np.float64) for name in FEATURE_NAMES},
        label=BINARY.read_label(joined[LABEL].to_numpy(), "test", LABEL),
        groups={name: joined[name].fillna("unknown").to_numpy(dtype=str) for name in options.sensitive},
        period=(days.min()[:10], days.max()[:10]),
        days=days.str[:10].to_numpy(dtype=str),
        held_out=split.held_out,
    )


def look_for_leakage(training_set: pd.DataFrame, candidate: LoadedModel, options: LeakageOptions) -> LeakageFindings:
    """Return the alarms of the training set, looked for by another step than the one that trains."""
    features = candidate.scorer.spec.features
    train = take_split(training_set, "train", features=features, label=LABEL, keys=(*ENTITY_KEYS, TIME_COLUMN))
    return LeakageFindings(
        features=len(features),
        suspicious=find_suspicious(train, options),
        future_rows=count_future_rows(
            training_set, time=TIME_COLUMN, found={view.label: time_name(view) for view in CURRENT_VIEWS}
        ),
    )


def build_behaviour_cases(
    customers: DataFrame, statements: DataFrame, rows: TestRows, options: BehaviourOptions
) -> list[BehaviourCases]:
    """Return the cases of every declared test, dated as the newest test rows."""
    return build_cases(customers, statements, date.fromisoformat(rows.period[1]), options)


def test_behaviour(
    candidate: LoadedModel, cases: list[BehaviourCases], options: BehaviourOptions
) -> list[BehaviourResult]:
    """Return what the candidate did in each test."""
    return run_behaviour(candidate.scorer, cases, options)


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
    behaviour: list[BehaviourResult],
    leakage: LeakageFindings,
    bootstrap: BootstrapOptions,
    comparison: BootstrapOptions,
    fairness: FairnessOptions,
    costs: CostOptions,
) -> EvaluationReport:
    """Return the report on the candidate."""
    report = evaluate(
        candidate,
        baseline=baseline,
        champion=champion,
        rows=rows,
        bootstrap=bootstrap,
        comparison=comparison,
        fairness=fairness,
        costs=costs,
        importance=explanation.importance,
    )
    return replace(report, behaviour=behaviour, leakage=leakage)


def publish_report(
    report: EvaluationReport, lender: DataFrame, comparison: BootstrapOptions
) -> tuple[DataFrame, DataFrame, dict[str, Any], dict[str, float], str]:
    """Return the report as rows of two tables, JSON, flat metrics and model card; ``lender`` lends its session."""
    tables = [
        lender.sparkSession.createDataFrame(rows, ", ".join(f"{each.name} {each.dtype}" for each in contract.columns))
        for contract, rows in (
            (EVALUATIONS, evaluation_rows(report)),
            (COMPARISONS, comparison_rows(report, comparison)),
        )
    ]
    metrics = {name: each.value for name, each in report.metrics.items()}
    metrics["calibration_error"] = report.calibration_error
    return tables[0], tables[1], report.to_dict(), metrics, write_model_card(report)


def draw_plots(report: EvaluationReport, explanation: Explanation) -> tuple[Figure, Figure]:
    """Return the calibration curve and the SHAP summary."""
    from boathouse.core.evaluation.plots import plot_calibration, plot_contributions

    title = f"{report.subject.name} version {report.subject.version}"
    return plot_calibration(report.calibration, title=title), plot_contributions(explanation, title=title)
