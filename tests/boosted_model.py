"""A boosted model of the use case's features, trained in a second on rows that are made up."""

from __future__ import annotations

from datetime import date

import numpy as np
import xgboost

from boathouse.core.modelling import LoadedModel, TrainedModel
from boathouse.core.scoring import FeatureSpec, ScorerSpec, write_scorer
from boathouse.core.scoring.calibration import Calibration
from boathouse.use_case.features import CURRENT_VIEWS, FEATURE_NAMES, REASON_TEXTS
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES


def train_model() -> LoadedModel:
    """Return a boosted model of all features, calibrated; its rows are made up, with labels that follow lateness."""
    generator = np.random.default_rng(3)
    matrix = generator.normal(size=(3_000, len(FEATURE_NAMES)))
    late = generator.choice([0.0, 1.0, 2.0], len(matrix), p=[0.8, 0.1, 0.1])
    matrix[:, FEATURE_NAMES.index("months_late")] = late
    label = (generator.random(len(matrix)) < 0.1 + 0.25 * late).astype(float)
    settings = {"max_depth": 4, "objective": "binary:logistic", "seed": 1, "nthread": 2}
    booster = xgboost.train(settings, xgboost.DMatrix(matrix.astype(np.float32), label), num_boost_round=40)
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURE_NAMES,
        label="missed_payment",
        calibration=Calibration("platt", (1.1, -0.05)),
        threshold=0.3,
        reason_texts=REASON_TEXTS,
    )
    looked_up = FeatureSpec.describe(FEATURE_NAMES, CURRENT_VIEWS, ON_DEMAND_FEATURES)
    files = write_scorer(spec, bytes(booster.save_raw("json")), looked_up)
    return LoadedModel(name="test.models.missed_payment", version="1", files=files, alias="champion")


def make_candidate() -> TrainedModel:
    """Return the same model before it is registered."""
    return TrainedModel(
        files=train_model().files,
        algorithm="xgboost",
        parameters={},
        metrics={},
        training_window=(date(2005, 4, 30), date(2005, 7, 31)),
        input_example=dict.fromkeys(FEATURE_NAMES, 0.0),
    )
