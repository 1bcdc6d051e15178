"""Steps of evaluation, made for a use case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from boathouse.evaluation.behaviour import BehaviourCases, BehaviourOptions, BehaviourResult, run_behaviour
from boathouse.evaluation.evaluate import TestRows, evaluate
from boathouse.evaluation.explanation import (
    Explanation,
    ExplanationOptions,
    explain,
    plot_calibration,
    plot_contributions,
)
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.evaluation.model_card import CardWords, write_model_card
from boathouse.evaluation.report import EvaluationReport
from boathouse.evaluation.tables import COMPARISONS, EVALUATIONS, comparison_rows, evaluation_rows
from boathouse.features.feature_view import time_name
from boathouse.lifecycle.candidate import CandidateOptions, require_undecided
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.sealed_results import use_registered, use_registered_or_none
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.leakage import LeakageFindings, LeakageOptions, count_future_rows, find_suspicious
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.modelling.samples import number_entities, take_split
from boathouse.modelling.splits import SplitOptions
from boathouse.problem.spec import UseCase

# A mean over so many rows is known to a hundredth of itself.
_FITTED_ROWS = 10_000
# matplotlib's Figure: Kedro resolves annotations at start-up, where importing matplotlib costs half a second.
Figure = Any


def take_test_rows(
    training_set: pd.DataFrame,
    options: FairnessOptions,
    split: SplitOptions,
    groups: pd.DataFrame | None = None,
    *,
    use_case: UseCase,
) -> TestRows:
    """Return the test rows with their groups, if there are any, in the order of keys.

    Raises:
        ModelError: If the label does not vary in them.
    """
    rows = training_set[training_set["split"] == "test"].sort_values(list(use_case.identity))
    grouped = rows
    if groups is not None and use_case.groups is not None:
        keys = list(use_case.groups.contract.keys)
        # Joined to the keys alone: a group may have the name of a feature, whose values stay as they are.
        grouped = rows[keys].merge(groups, on=keys, how="left", validate="many_to_one")
    days = rows[use_case.time_column].astype(str)
    return TestRows(
        columns={name: rows[name].to_numpy(dtype=np.float64) for name in use_case.feature_names},
        label=use_case.task.read_label(rows[use_case.label.name].to_numpy(), "test", use_case.label.name),
        groups={name: grouped[name].fillna("unknown").to_numpy(dtype=str) for name in options.sensitive},
        period=(days.min()[:10], days.max()[:10]),
        days=days.str[:10].to_numpy(dtype=str),
        entities=number_entities(rows, use_case.keys),
        held_out=split.held_out,
    )


def check_candidate(candidate: LoadedModel, options: CandidateOptions, records: Sequence[AuditRecord]) -> LoadedModel:
    """Return the candidate, if it is what was asked for and not decided yet.

    Raises:
        LifeCycleError: If it is not.
    """
    return require_undecided(candidate, options, records)


def look_for_leakage(
    training_set: pd.DataFrame, candidate: LoadedModel, max_single_feature_auc: float, *, use_case: UseCase
) -> LeakageFindings:
    """Return the alarms of the training set, by another step than the one that trains, and by the gate's own limit."""
    options = LeakageOptions(max_single_feature_auc)
    features = candidate.scorer.spec.features
    train = take_split(
        training_set, "train", features=features, label=use_case.label.name, keys=use_case.identity, task=use_case.task
    )
    return LeakageFindings(
        features=len(features),
        suspicious=find_suspicious(train, options, task=use_case.task),
        future_rows=count_future_rows(
            training_set,
            time=use_case.time_column,
            found={view.label: time_name(view) for view in use_case.current_views},
        ),
        limit=options.max_single_feature_auc,
    )


def build_behaviour_cases(
    rows: TestRows, options: BehaviourOptions, *tables: DataFrame, use_case: UseCase
) -> list[BehaviourCases]:
    """Return the cases of every declared test, dated as the newest test rows; none where none is declared."""
    if use_case.behaviour is None:
        return []
    as_of = date.fromisoformat(rows.period[1])
    return use_case.behaviour.build(*tables, use_case=use_case, as_of=as_of, options=options)


def test_behaviour(
    candidate: LoadedModel, cases: list[BehaviourCases], options: BehaviourOptions, training_set: pd.DataFrame
) -> list[BehaviourResult]:
    """Return what the candidate did in each test, compared with rows it was fitted on where a test asks for these."""
    rows = training_set[training_set["split"].isin(["train", "validation"])]
    rows = rows.sample(min(len(rows), _FITTED_ROWS), random_state=options.seed)
    fitted = {name: rows[name].to_numpy(dtype=np.float64) for name in candidate.scorer.spec.features}
    return run_behaviour(candidate.scorer, cases, options, fitted=fitted)


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
    records: Sequence[AuditRecord] = (),
    use_case: UseCase,
) -> EvaluationReport:
    """Return the report on the candidate; what each model was trained on is taken from the ledger, not from tags."""
    report = evaluate(
        use_registered(candidate, records),
        baseline=use_registered(baseline, records),
        champion=use_registered_or_none(champion, records),
        rows=rows,
        bootstrap=bootstrap,
        comparison=comparison,
        fairness=fairness,
        costs=costs,
        importance=explanation.importance,
        task=use_case.task,
    )
    return replace(report, behaviour=behaviour, leakage=leakage)


def publish_report(
    report: EvaluationReport, training_set: DataFrame, comparison: BootstrapOptions, *, use_case: UseCase
) -> tuple[DataFrame, DataFrame, dict[str, Any], dict[str, float], str]:
    """Return the report as rows of two tables, JSON, flat metrics and model card.

    Only the session of ``training_set`` is used.
    """
    tables = [
        training_set.sparkSession.createDataFrame(rows, contract.ddl)
        for contract, rows in (
            (EVALUATIONS, evaluation_rows(report)),
            (COMPARISONS, comparison_rows(report, comparison, task=use_case.task)),
        )
    ]
    metrics = {name: each.value for name, each in report.metrics.items()}
    metrics["calibration_error"] = report.calibration_error
    entity = use_case.entity
    words = CardWords(
        entity=entity.singular,
        entities=entity.plural,
        currency=use_case.words.currency,
        adverse=use_case.label.adverse,
    )
    return tables[0], tables[1], report.to_dict(), metrics, write_model_card(report, words, task=use_case.task)


def draw_plots(report: EvaluationReport, explanation: Explanation, *, use_case: UseCase) -> tuple[Figure, Figure]:
    """Return the calibration curve and the SHAP summary."""
    title, words = f"{report.subject.name} version {report.subject.version}", use_case.task.words
    return (
        plot_calibration(report.calibration, title=title, words=words),
        plot_contributions(explanation, title=title, words=words),
    )
