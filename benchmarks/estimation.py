"""Error of estimated performance on simulated months, beside a plain reading of the published methods.

Usage: ``python benchmarks/estimation.py [rows] [months]``.

Each month has a labelled month before it. Without change and with a shift of one feature, the absolute distance of the
estimate from the metric measured later is printed, for our CBPE and PAPE and for the method as published: an isotonic
calibration fitted on all labelled rows, self-pairs in the ROC AUC, no interval for the calibration.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from sklearn.isotonic import IsotonicRegression

from boathouse.modelling.calibration import CostOptions
from boathouse.monitoring.cohorts import CohortRows
from boathouse.monitoring.estimates import EstimationOptions, Estimator, Known, join_labelled
from boathouse.monitoring.estimation import estimate_roc_auc

SHOWN = ("roc_auc", "accuracy_score", "brier_score")
FIRST = date(2024, 1, 1)
ESTIMATOR = Estimator(
    options=EstimationOptions(
        labelled_cohorts=3,
        minimum_rows=200,
        resamples=40,
        confidence=0.95,
        seed=1,
        maximum_new_share=0.02,
        maximum_unsupported=0.05,
        minimum_effective=0.1,
        discrete_values=20,
        minimum_gain=0.001,
        max_rows=1_000_000,
    ),
    costs=CostOptions(missed=5.0, false_alarm=1.0),
)


def make_month(rows: int, mean: float, seed: int) -> CohortRows:
    """Return a month of a model that misses a quadratic term and is off in its slope."""
    generator = np.random.default_rng(seed)
    features = {"x": generator.normal(mean, 1, rows), "z": generator.normal(size=rows)}
    truth = -1.5 + features["x"] + 0.3 * features["x"] ** 2 + 0.5 * features["z"]
    probability = 1 / (1 + np.exp(-(-1.1 + 0.9 * features["x"] + 0.5 * features["z"])))
    return CohortRows(
        cohort=FIRST + timedelta(days=seed),
        model_version="1",
        labels_known_on=None,
        answer={"probability": probability, "decision": (probability >= 0.3).astype(float)},
        label=(generator.random(rows) < 1 / (1 + np.exp(-truth))).astype(float),
        entities=np.arange(rows, dtype=np.uint64),
        features=features,
    )


def estimate_plainly(before: CohortRows, now: CohortRows) -> dict[str, float]:
    """Return the estimates as the published method reads."""
    curve = IsotonicRegression(out_of_bounds="clip").fit(before.answer["probability"], before.label)
    given, acted = now.answer["probability"], now.answer["decision"] == 1
    calibrated = curve.predict(given)
    return {
        "roc_auc": estimate_roc_auc(given, calibrated, self_pairs=True).value,
        "accuracy_score": float(np.where(acted, calibrated, 1 - calibrated).mean()),
        "brier_score": float((calibrated * (1 - given) ** 2 + (1 - calibrated) * given**2).mean()),
    }


def measure_months(rows: int, months: int, mean: float) -> tuple[dict[str, dict[str, list[float]]], list[bool]]:
    """Return the misses of each method by metric, and which of our intervals held the truth."""
    misses: dict[str, dict[str, list[float]]] = {
        method: {name: [] for name in SHOWN} for method in ("plain", "cbpe", "pape")
    }
    held: list[bool] = []
    for month in range(months):
        before, now = make_month(rows, 0.0, month), make_month(rows, mean, month + 1_000)
        hidden = replace(now, label=np.full(rows, np.nan))
        known = Known(labelled=join_labelled([before], now.cohort, ESTIMATOR.options), trained=None)
        truth, plain = ESTIMATOR.measure(now), estimate_plainly(before, now)
        for name in SHOWN:
            misses["plain"][name].append(abs(plain[name] - truth[name]))
        for each in ESTIMATOR.estimate(hidden, known):
            if each.metric in SHOWN and each.value is not None and each.low is not None and each.high is not None:
                misses[each.method][each.metric].append(abs(each.value - truth[each.metric]))
                if each.method == "pape":
                    held.append(each.low <= truth[each.metric] <= each.high)
    return misses, held


def main(rows: int = 10_000, months: int = 24) -> None:
    """Print the mean misses without and with a shift."""
    for title, mean in (("no change", 0.0), ("one feature moved by 0.7", 0.7)):
        busy = time.process_time()
        misses, held = measure_months(rows, months, mean)
        busy = time.process_time() - busy
        print(f"{title}: {months} months of {rows:,} rows, {busy / months:.2f} s of processor a month")
        for method, by_metric in misses.items():
            figures = ", ".join(f"{name} {np.mean(values):.4f}" for name, values in by_metric.items())
            print(f"  {method:<6} misses by {figures}")
        print(f"  {np.mean(held):.0%} of the intervals of pape (95 %) held the truth")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
