"""From samples to a sealed model: select, calibrate, choose the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from boathouse.core.modelling.calibration import CalibrationOptions
from boathouse.core.modelling.estimators import FITS, medians_of
from boathouse.core.modelling.matrix import Sample, join_samples
from boathouse.core.modelling.result import TrainedModel
from boathouse.core.modelling.search import Trial
from boathouse.core.modelling.task import BINARY, Task
from boathouse.core.modelling.threshold import CostOptions
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
    task: Task = BINARY,
    adverse: int = 1,
    held_out: str = "",
) -> TrainedModel:
    """Return the trial as a sealed model: chosen, calibrated and given its threshold on validation, then fitted again.

    What ships is fitted on train and validation together: the newest cohorts tell most about the next one.
    Calibration, threshold and metrics stay those of the fit that had not seen the validation rows.

    Args:
        trial: The candidate that is kept.
        train: Rows it was fitted on.
        validation: Rows it was selected on.
        calibration: How its answer is calibrated.
        costs: Prices of wrong decisions.
        label: Name of what is predicted.
        reason_texts: For each feature, how a reason names it.
        feature_spec: What the model looks up.
        task: What kind of answer it gives.
        adverse: The value of the label that is bad for the entity, 0 or 1.
        held_out: Entities kept from training, as :attr:`SplitOptions.held_out` names them.
    """
    tuned = task.tune(trial.log_odds, validation.label, calibration, costs, adverse)
    spec = ScorerSpec(
        algorithm=trial.algorithm,
        features=train.features,
        label=label,
        calibration=tuned.calibration,
        threshold=tuned.threshold,
        reason_texts={name: reason_texts[name] for name in train.features},
        task=task.name,
        adverse=adverse,
    )
    whole = join_samples(train, validation)
    estimator = FITS[trial.algorithm](whole, trial.parameters, trial.seed)
    medians = medians_of(whole.matrix)
    return TrainedModel(
        files=write_scorer(spec, estimator, feature_spec),
        algorithm=trial.algorithm,
        parameters=trial.parameters,
        metrics=tuned.metrics,
        training_window=whole.window,
        held_out=held_out,
        input_example=dict(zip(train.features, medians.tolist(), strict=True)),
    )
