"""From samples to a sealed model: select, calibrate, choose the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from boathouse.core.evaluation.metrics import brier_score, log_loss, pr_auc, roc_auc
from boathouse.core.modelling.calibration import CalibrationOptions, fit_calibration
from boathouse.core.modelling.estimators import FITS, medians_of
from boathouse.core.modelling.matrix import Sample, join_samples
from boathouse.core.modelling.result import TrainedModel
from boathouse.core.modelling.search import Trial
from boathouse.core.modelling.threshold import CostOptions, choose_threshold
from boathouse.core.options import require_whole
from boathouse.core.scoring import FeatureSpec, ScorerSpec, write_scorer


@dataclass(frozen=True)
class FeatureOptions:
    """What a model may see.

    Attributes:
        excluded: Features that stay in the training set but are no input of the model.
    """

    excluded: Sequence[str]


@dataclass(frozen=True)
class BaselineOptions:
    """The business rule that every model has to beat.

    Attributes:
        feature: The one feature whose value decides.
        bins: Groups of its values, by quantiles, 1 to 100.
    """

    feature: str
    bins: int

    def __post_init__(self) -> None:
        """Check the range."""
        require_whole("bins", self.bins, 1, 100)


def finish_model(  # noqa: PLR0913 - three samples' results and four choices
    trial: Trial,
    train: Sample,
    validation: Sample,
    *,
    calibration: CalibrationOptions,
    costs: CostOptions,
    label: str,
    reason_texts: Mapping[str, str],
    feature_spec: FeatureSpec | None = None,
    adverse: int = 1,
) -> TrainedModel:
    """Return the trial as a sealed model: chosen, calibrated and given its threshold on validation, then fitted again.

    What ships is fitted on train and validation together: the newest months tell most about the next one.
    Calibration, threshold and metrics stay those of the fit that had not seen the validation rows.
    """
    fitted = fit_calibration(trial.log_odds, validation.label, calibration)
    probability = fitted.to_probability(trial.log_odds)
    spec = ScorerSpec(
        algorithm=trial.algorithm,
        features=train.features,
        label=label,
        calibration=fitted,
        threshold=choose_threshold(probability, validation.label, costs),
        reason_texts={name: reason_texts[name] for name in train.features},
        adverse=adverse,
    )
    whole = join_samples(train, validation)
    estimator = FITS[trial.algorithm](whole, trial.parameters, trial.seed)
    medians = medians_of(whole.matrix)
    return TrainedModel(
        files=write_scorer(spec, estimator, feature_spec),
        algorithm=trial.algorithm,
        parameters=trial.parameters,
        metrics=_measure(validation.label, probability),
        training_window=whole.window,
        input_example=dict(zip(train.features, medians.tolist(), strict=True)),
    )


def _measure(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    return {
        "roc_auc": roc_auc(label, probability),
        "precision_recall_auc": pr_auc(label, probability),
        "log_loss": log_loss(label, probability),
        "brier_score": brier_score(label, probability),
    }
