"""Time all gates of a candidate: the process of its own, the evidence, the judging; without training and evaluating.

Usage: ``python benchmarks/gates.py [--runs 3]``. A booster of 200 rounds on 20 features, loaded and timed in a fresh
process, described, and judged by every gate. Budget: ten seconds. A bare interpreter that imports the booster's
library is timed beside it: most of the time is the start of the process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from boathouse.lifecycle.evidence import describe_model
from boathouse.lifecycle.fresh_process import LoadOptions, check_scores, load_in_fresh_process
from boathouse.lifecycle.gates import judge_gates
from boathouse.modelling.estimators import FITS
from boathouse.modelling.result import LoadedModel
from boathouse.modelling.samples import Sample
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.scoring.scorer import write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec
from tests.fixtures.gate_cases import GOOD, OPTIONS

BUDGET_S, FEATURES = 10.0, tuple(f"feature_{number}" for number in range(20))
LOAD = LoadOptions(timeout_s=60, batch_rows=1000, repetitions=15, seed=7)


def make_model() -> LoadedModel:
    """Return a booster of the size that is shipped."""
    generator = np.random.default_rng(3)
    matrix = generator.normal(size=(5000, len(FEATURES)))
    label = (matrix[:, 0] + generator.normal(size=5000) > 1).astype(np.int64)
    sample = Sample(features=FEATURES, matrix=matrix, label=label, window=(date(2005, 4, 30), date(2005, 7, 31)))
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURES,
        label="label",
        calibration=Calibration("none"),
        threshold=0.5,
        reason_texts=dict.fromkeys(FEATURES, "a reason"),
    )
    files = write_scorer(spec, FITS["xgboost"](sample, {"rounds": 200, "max_depth": 3}, 1))
    return LoadedModel(name="dev.models.m", version="2", files=files)


def judge(model: LoadedModel) -> None:
    """Gather the evidence of one candidate and judge it by every gate."""
    load = check_scores(load_in_fresh_process(model.files, LOAD), model.scorer, model.files, LOAD)
    facts = describe_model(model, declared=FeatureSpec(views=()), load=load, card="")
    judge_gates(replace(GOOD, facts=facts), OPTIONS)


def main() -> None:
    """Print the best time of a few runs, and that of the bare process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    model = make_model()
    seconds = {"all gates": [], "bare process": []}
    for _ in range(runs):
        started = time.perf_counter()
        judge(model)
        seconds["all gates"].append(time.perf_counter() - started)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import numpy, xgboost, scipy.sparse"], check=True)
        seconds["bare process"].append(time.perf_counter() - started)
    ours, bare = (min(found) for found in seconds.values())
    print(f"all gates     {ours:6.2f} s   budget {BUDGET_S:.0f} s for a candidate, without retraining")
    print(f"bare process  {bare:6.2f} s   an interpreter that imports xgboost")


if __name__ == "__main__":
    main()
