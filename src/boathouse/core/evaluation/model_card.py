"""The model card: one page of Markdown for the person who approves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from boathouse.core.evaluation.behaviour import BehaviourResult
from boathouse.core.evaluation.comparison import Estimate
from boathouse.core.evaluation.paired import ALL
from boathouse.core.evaluation.report import EvaluationReport, Rival

# What the worst case of a behaviour test is the worst of, in probability.
_MEASURED = {"unmoved": "moved by", "not_lower": "fell by", "low": "scored", "high": "short of 1 by"}
# Names of the metrics that are shown.
_SHOWN = {
    "roc_auc": "ROC AUC",
    "precision_recall_auc": "PR AUC",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "ks_statistic": "KS",
    "precision": "Precision at the threshold",
    "recall": "Recall at the threshold",
    "f1_score": "F1 at the threshold",
    "expected_cost": "Cost per customer (NT$)",
}


def write_model_card(report: EvaluationReport) -> str:
    """Return the card of the report's candidate as Markdown."""
    subject = report.subject
    head = [
        f"# {subject.name}, version {subject.version}",
        "",
        f"Algorithm `{subject.algorithm}`; decides 1 from a probability of {subject.threshold:.4f}.",
        f"Digest `{subject.digest[:16]}`.",
        f"Measured on {report.rows:,} rows of {report.period[0]} to {report.period[1]}{_say_seen(report)};",
        f"intervals hold {report.confidence:.0%} of the resamples.",
        "",
    ]
    parts = [
        head,
        _metrics(report),
        _comparison(report),
        describe_behaviour(report.behaviour),
        _slices(report),
        _fairness(report),
        _calibration(report),
        _importance(report),
    ]
    return "\n".join(line for part in parts for line in part)


def describe_behaviour(results: Sequence[BehaviourResult]) -> list[str]:
    """Return the section on behaviour: what the model has to do for single customers, and whether it does."""
    lines = ["## Behaviour", ""]
    if not results:
        return [*lines, "No behaviour test was run.", ""]
    lines += ["| what the model has to do | does it? | cases that fail | worst | allowed |", "|---|---|---|---|---|"]
    for each in results:
        allowed = f"{each.bound:.3f} in all" if not each.max_failing_share else f"{each.bound:.3f}"
        share = f" in all but {each.max_failing_share:.0%}" if each.max_failing_share else ""
        answer = "yes" if each.passed else "**no**"
        counted = f"{each.failing:,} of {each.cases:,}"
        lines.append(
            f"| {each.says} | {answer} | {counted} | {_MEASURED[each.rule]} {_number(each.worst)} | {allowed}{share} |"
        )
    return [*lines, ""]


def _say_seen(report: EvaluationReport) -> str:
    clean = report.seen and all(rows == 0 for rows in report.seen.values())
    return ", on which none of the models was trained" if clean else ", **not all known to be unseen by the models**"


def _comparison(report: EvaluationReport) -> list[str]:
    rivals = [("baseline", report.baseline), *([("champion", report.champion)] if report.champion else [])]
    lines = [
        "## Against its rivals, by part of the customers",
        "",
        "Candidate less rival on the same rows, resampled together. It is better where the whole interval says so:",
        "above zero for ROC AUC, below zero for cost.",
        "",
        "| rival | part | rows | ROC AUC | cost per customer (NT$) |",
        "|---|---|---|---|---|",
    ]
    for role, rival in rivals:
        for each in rival.slices:
            part = "all" if each.key == ALL else f"{each.key} = {each.value}"
            numbers = " | ".join(_show(each.difference[metric]) for metric in ("roc_auc", "expected_cost"))
            lines.append(f"| {role} | {part} | {each.rows:,} | {numbers} |")
        if not rival.slices:
            lines.append(f"| {role} | not compared: one of the models was trained on these rows | 0 | – | – |")
    return [*lines, ""]


def _metrics(report: EvaluationReport) -> list[str]:
    rivals = [("baseline", report.baseline), *([("champion", report.champion)] if report.champion else [])]
    lines = [
        "## Metrics",
        "",
        "| metric | candidate |" + "".join(f" {name} | candidate less {name} |" for name, _ in rivals),
    ]
    lines.append("|---|---|" + "---|---|" * len(rivals))
    for metric, title in _SHOWN.items():
        cells = [_show(report.metrics[metric]), *(cell for _, rival in rivals for cell in _against(rival, metric))]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _against(rival: Rival, metric: str) -> list[str]:
    return [_show(rival.metrics[metric]), _show(rival.difference[metric])]


def _slices(report: EvaluationReport) -> list[str]:
    lines = [
        "## Parts of the customers",
        "",
        "| part | rows | observed | predicted | ROC AUC |",
        "|---|---|---|---|---|",
    ]
    for each in report.slices:
        numbers = f"{each.rows:,} | {each.observed:.3f} | {each.predicted:.3f} | {_number(each.roc_auc)}"
        lines.append(f"| {each.key} = {each.value} | {numbers} |")
    return [*lines, ""]


def _fairness(report: EvaluationReport) -> list[str]:
    lines = ["## Fairness", "", "0 is parity. Small groups are left out of differences.", ""]
    lines += ["| by | demographic parity difference | equalized odds difference |", "|---|---|---|"]
    for each in report.fairness:
        spreads = (each.demographic_parity_difference, each.equalized_odds_difference)
        lines.append(f"| {each.sensitive} | " + " | ".join(map(_number, spreads)) + " |")
    lines += ["", "| group | rows | decided 1 | TPR | FPR | PPV |", "|---|---|---|---|---|---|"]
    for each in report.fairness:
        for group in each.groups:
            rates = (
                group.selection_rate,
                group.true_positive_rate,
                group.false_positive_rate,
                group.positive_predictive_value,
            )
            small = "" if group.judged else " (small)"
            cells = " | ".join(_number(rate) for rate in rates)
            lines.append(f"| {each.sensitive} = {group.group}{small} | {group.rows:,} | {cells} |")
    return [*lines, ""]


def _calibration(report: EvaluationReport) -> list[str]:
    lines = [
        "## Calibration",
        "",
        f"Mean distance of predicted and observed: {_number(report.calibration_error)}.",
        "",
        "| rows | predicted | observed |",
        "|---|---|---|",
    ]
    lines += [f"| {each.rows:,} | {each.predicted:.3f} | {each.observed:.3f} |" for each in report.calibration]
    return [*lines, ""]


def _importance(report: EvaluationReport) -> list[str]:
    lines = ["## What drives the score", "", "| feature | mean contribution, log-odds |", "|---|---|"]
    return [*lines, *(f"| {name} | {value:.3f} |" for name, value in list(report.importance.items())[:12]), ""]


def _show(each: Estimate) -> str:
    return f"{_number(each.value)} [{_number(each.low)}, {_number(each.high)}]"


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
