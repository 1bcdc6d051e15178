"""The exported graph: the scorer's numbers, in onnxruntime."""

from __future__ import annotations

from datetime import date

import numpy as np
import onnxruntime
import pytest

from boathouse.errors import ModelError
from boathouse.modelling.estimators import FITS
from boathouse.modelling.samples import Sample
from boathouse.scoring.export.graph import build_graph, decision_bound
from boathouse.scoring.files import ModelFiles
from boathouse.scoring.scorer import load_scorer, write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec

FEATURES = ("a", "b", "c")
PARAMETERS = {
    "xgboost": {"rounds": 60, "max_depth": 4},
    "logistic_regression": {"C": 1.0, "max_iter": 200},
    "hist_gradient_boosting": {"max_iter": 40},
    "rate_table": {"feature": "a", "bins": 7},
}
PLATT = Calibration("platt", (1.3, -0.4))
ISOTONIC = Calibration("isotonic", (-2.0, -0.5, 0.0, 1.0), (0.05, 0.2, 0.3, 0.9))
BOOSTED = ("xgboost", "hist_gradient_boosting", "rate_table")


def make_sample(rows: int, seed: int) -> Sample:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, 3)) * [1, 1000, 0.001]
    matrix[:, 2] = np.round(matrix[:, 2], 3)
    matrix[generator.random(matrix.shape) < 0.1] = np.nan
    label = (np.nan_to_num(matrix[:, 0]) + generator.normal(size=rows) > 0.5).astype(np.int64)
    return Sample(features=FEATURES, matrix=matrix, label=label, window=(date(2005, 4, 30), date(2005, 6, 30)))


def make_files(algorithm: str, calibration: Calibration, threshold: float = 0.5) -> ModelFiles:
    spec = ScorerSpec(
        algorithm=algorithm,
        features=FEATURES,
        label="y",
        calibration=calibration,
        threshold=threshold,
        reason_texts=dict.fromkeys(FEATURES, "high"),
    )
    return write_scorer(spec, FITS[algorithm](make_sample(2_000, 1), PARAMETERS[algorithm], 1))


def run_graph(content: bytes, matrix: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options).run(None, {"features": matrix})


@pytest.mark.parametrize("calibration", [PLATT, ISOTONIC, Calibration("none")], ids=lambda each: each.method)
@pytest.mark.parametrize("algorithm", PARAMETERS)
def test_the_graph_gives_the_scorers_numbers(algorithm: str, calibration: Calibration) -> None:
    matrix = make_sample(5_000, 2).matrix
    files = make_files(algorithm, calibration)
    scorer = load_scorer(files)
    expected = scorer.predict_probability(matrix)
    odds, probability, decision = run_graph(build_graph(files), matrix)
    np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-6)
    assert (decision == scorer.decide(expected)).all()
    assert 0 < decision.mean() < 1
    if algorithm in BOOSTED:
        assert odds.tobytes() == scorer.estimator.log_odds(matrix).astype(np.float64).tobytes()


@pytest.mark.parametrize("algorithm", BOOSTED)
def test_a_threshold_that_a_row_just_reaches_decides_the_same(algorithm: str) -> None:
    # Training takes a threshold from the probabilities it saw, so that ties are the rule, not the exception.
    matrix = make_sample(2_000, 3).matrix
    reached = np.sort(load_scorer(make_files(algorithm, PLATT)).predict_probability(matrix))[1_000]
    files = make_files(algorithm, PLATT, threshold=float(reached))
    scorer = load_scorer(files)
    expected = scorer.decide(scorer.predict_probability(matrix))
    assert (run_graph(build_graph(files), matrix)[2] == expected).all()
    assert (scorer.predict_probability(matrix) == reached).any()


@pytest.mark.parametrize("algorithm", PARAMETERS)
def test_one_row_and_none_are_scored_too(algorithm: str) -> None:
    matrix = make_sample(50, 4).matrix
    content = build_graph(make_files(algorithm, PLATT))
    together = run_graph(content, matrix)[1]
    alone = [run_graph(content, matrix[row : row + 1])[1][0] for row in range(50)]
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-15)
    assert run_graph(content, matrix[:0])[1].shape == (0,)


def test_a_tree_that_never_splits_is_a_constant() -> None:
    sample = make_sample(100, 5)
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURES,
        label="y",
        calibration=Calibration("none"),
        threshold=0.5,
        reason_texts=dict.fromkeys(FEATURES, "high"),
    )
    files = write_scorer(spec, FITS["xgboost"](sample, {"rounds": 2, "max_depth": 2, "min_child_weight": 1e6}, 1))
    assert len(set(run_graph(build_graph(files), sample.matrix)[1])) == 1


@pytest.mark.parametrize(
    ("calibration", "threshold", "expected"),
    [
        (Calibration("none"), 0.5, 0.0),
        (Calibration("none"), 0.75, float(np.log(3))),
        (Calibration("platt", (2.0, -1.0)), 0.5, 0.5),
        (ISOTONIC, 0.6, 0.5),
        (ISOTONIC, 0.01, -np.inf),
        (ISOTONIC, 0.95, np.inf),
    ],
)
def test_bounds_by_hand(calibration: Calibration, threshold: float, expected: float) -> None:
    assert decision_bound(calibration, threshold) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("calibration", [Calibration("platt", (-1.0, 0.0)), Calibration("isotonic", (0, 1), (1, 0))])
def test_a_calibration_that_falls_is_refused(calibration: Calibration) -> None:
    with pytest.raises(ModelError, match="does not rise"):
        decision_bound(calibration, 0.5)
