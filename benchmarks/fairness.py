"""Time fairness with bootstrap intervals, beside fairlearn, and print the ratio.

Usage: ``python benchmarks/fairness.py [--bootstraps 100]``. 20,000 rows in six groups; selection rate, true
and false positive rate by group, demographic parity and equalized odds differences, of every resample.
Both sides get the same resamples, and their numbers are compared. Budget: one second, equal within 1e-12.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from boathouse.evaluation.fairness import measure_fairness

BUDGET_S = 1.0
ROWS, GROUPS = 20_000, 6


def measure_ours(
    group: np.ndarray, label: np.ndarray, decision: np.ndarray, draws: list[np.ndarray]
) -> list[tuple[float, float]]:
    """Return both differences of each resample."""
    found = []
    for rows in draws:
        each = measure_fairness("group", group[rows], label[rows], decision[rows], min_group_rows=1)
        found.append((each.demographic_parity_difference, each.equalized_odds_difference))
    return found


def measure_fairlearn(
    group: np.ndarray, label: np.ndarray, decision: np.ndarray, draws: list[np.ndarray]
) -> list[tuple[float, float]]:
    """Return both differences of each resample, from one MetricFrame a resample."""
    metrics = {"selected": selection_rate, "true": true_positive_rate, "false": false_positive_rate}
    found = []
    for rows in draws:
        frame = MetricFrame(metrics=metrics, y_true=label[rows], y_pred=decision[rows], sensitive_features=group[rows])
        spread = frame.difference(method="between_groups")
        found.append((spread["selected"], max(spread["true"], spread["false"])))
    return found


def main() -> None:
    """Print both times, the ratio and the largest difference of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstraps", type=int, default=100)
    bootstraps = parser.parse_args().bootstraps
    warnings.simplefilter("ignore")
    generator = np.random.default_rng(9)
    group = np.array([f"group {number}" for number in generator.integers(0, GROUPS, ROWS)], dtype=object)
    label, decision = generator.integers(0, 2, ROWS), generator.integers(0, 2, ROWS)
    draws = [generator.integers(0, ROWS, ROWS) for _ in range(bootstraps)]
    seconds, results = [], []
    for measure in (measure_ours, measure_fairlearn):
        started = time.perf_counter()
        results.append(np.array(measure(group, label, decision, draws)))
        seconds.append(time.perf_counter() - started)
    gap = np.abs(results[0] - results[1]).max()
    print(f"ours       {seconds[0]:6.2f} s   budget {BUDGET_S:.0f} s for 100 bootstraps")
    print(f"fairlearn  {seconds[1]:6.2f} s   {seconds[1] / seconds[0]:.0f} x as long")
    print(f"largest difference of results: {gap:.1e}")


if __name__ == "__main__":
    main()
