"""Time paired bootstraps of ROC AUC, Brier score and cost, beside scikit-learn on drawn rows, and print the ratio.

Usage: ``python benchmarks/bootstrap.py [--samples 1000] [--reference 20]``. 30,000 rows, 12 % positives, two models.
The reference copies the drawn rows and asks scikit-learn; its results are compared with ours on the same resamples.
Budget: 1,000 resamples in two seconds.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.metrics import brier_score_loss, roc_auc_score

from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions, Scored, draw_counts, resample_differences

BUDGET_S, ROWS = 2.0, 30_000
COSTS = CostOptions(missed=5000, false_alarm=1000)


def make_models(rows: int) -> tuple[Scored, Scored]:
    """Return two models of unlike skill on the same rows."""
    generator = np.random.default_rng(9)
    label = (generator.random(rows) < 0.12).astype(np.int64)
    scored = []
    for noise in (1.0, 1.2):
        odds = 1.2 * label - 2.2 + generator.normal(scale=noise, size=rows)
        probability = 1 / (1 + np.exp(-odds))
        scored.append(Scored(label, probability, (probability >= 0.2).astype(np.int64)))
    return scored[0], scored[1]


def measure_reference(sides: tuple[Scored, Scored], options: BootstrapOptions) -> np.ndarray:
    """Return the differences by copying the rows that each resample drew."""
    found = []
    for counts in draw_counts(ROWS, options):
        for each in counts:
            rows = np.repeat(np.arange(ROWS), each)
            ours, theirs = (_measure(side, rows) for side in sides)
            found.append(ours - theirs)
    return np.array(found)


def _measure(side: Scored, rows: np.ndarray) -> np.ndarray:
    label, probability, decision = side.label[rows], side.probability[rows], side.decision[rows]
    cost = COSTS.missed * ((label == 1) & (decision == 0)) + COSTS.false_alarm * ((label == 0) & (decision == 1))
    return np.array([roc_auc_score(label, probability), brier_score_loss(label, probability), cost.mean()])


def main() -> None:
    """Print both times for the same number of resamples, the ratio and the largest difference of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--reference", type=int, default=20, help="resamples that scikit-learn is asked for")
    asked = parser.parse_args()
    sides = make_models(ROWS)
    started = time.perf_counter()
    ours = resample_differences(*sides, BootstrapOptions(asked.samples, 0.95, 7), COSTS)
    seconds = time.perf_counter() - started
    few = BootstrapOptions(asked.reference, 0.95, 7)
    started = time.perf_counter()
    reference = measure_reference(sides, few)
    expected = (time.perf_counter() - started) / asked.reference * asked.samples
    print(f"ours          {seconds:6.2f} s   budget {BUDGET_S:.0f} s for 1,000 resamples of {ROWS:,} rows, two models")
    print(f"scikit-learn  {expected:6.2f} s   {expected / seconds:.0f} x as long (from {asked.reference} resamples)")
    gap = np.abs(np.column_stack(list(ours.values()))[: asked.reference] - reference) / [1, 1, 1000]
    print(f"largest difference of results: {gap.max():.1e} (cost in thousands)")


if __name__ == "__main__":
    main()
