"""The model card: one page of Markdown for the person who approves."""

from __future__ import annotations

import math

from boathouse.core.evaluation.comparison import Estimate
from boathouse.core.evaluation.report import EvaluationReport, Rival

# Names, whether more is better, and digits shown.
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
        f"Measured on {report.rows:,} rows of {report.period[0]} to {report.period[1]}, never trained on;",
        f"intervals hold {report.confidence:.0%} of the resamples.",
        "",
    ]
    parts = [head, _metrics(report), _slices(report), _fairness(report), _calibration(report), _importance(report)]
    return "\n".join(line for part in parts for line in part)


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
