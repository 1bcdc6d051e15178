"""Contributions are SHAP values: they add up to the score and equal the booster's own."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost

from boathouse.evaluation.explanation import ExplanationOptions, explain
from boathouse.modelling.estimators import FITS
from boathouse.scoring.scorer import Scorer, load_scorer, write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec
from tests.fixtures.modelling_sample import FEATURES, make_sample

SAMPLE = make_sample()
BOOSTER = FITS["xgboost"](SAMPLE, {"rounds": 15, "max_depth": 3}, 1)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURES,
        label="late",
        calibration=Calibration("none"),
        threshold=0.5,
        reason_texts=dict.fromkeys(FEATURES, "reason"),
    )
    return load_scorer(write_scorer(spec, BOOSTER))


def test_contributions_are_the_booster_s_own(scorer: Scorer) -> None:
    booster = xgboost.Booster()
    booster.load_model(bytearray(BOOSTER))
    own = booster.predict(xgboost.DMatrix(SAMPLE.matrix.astype(np.float32)), pred_contribs=True)
    found = explain(scorer, SAMPLE.matrix, ExplanationOptions(max_rows=1000, seed=1))
    np.testing.assert_allclose(found.contributions, own[:, :-1], atol=1e-6)


def test_importance_is_the_mean_size_largest_first(scorer: Scorer) -> None:
    found = explain(scorer, SAMPLE.matrix, ExplanationOptions(max_rows=1000, seed=1))
    assert list(found.importance) == ["signal", "noise", "empty"]
    assert found.importance["signal"] == pytest.approx(np.abs(found.contributions[:, 0]).mean())
    assert found.importance["empty"] == 0


def test_a_sample_is_the_same_in_every_run_and_keeps_the_rows_order(scorer: Scorer) -> None:
    first, again, other = (
        explain(scorer, SAMPLE.matrix, ExplanationOptions(max_rows=50, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values[:, 0], other.values[:, 0])
    places = [int(np.flatnonzero(SAMPLE.matrix[:, 0] == value)[0]) for value in first.values[:, 0]]
    assert places == sorted(places)
    assert len(set(places)) == 50
