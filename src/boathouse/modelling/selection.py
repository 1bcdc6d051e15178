"""Selection: every candidate fitted on train, the best on validation kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from boathouse.errors import OptionError
from boathouse.modelling.calibration import CalibrationOptions, CostOptions
from boathouse.modelling.estimators import FITS, PARAMETERS, medians_of
from boathouse.modelling.result import TrainedModel
from boathouse.modelling.samples import Sample, join_samples
from boathouse.modelling.task import BINARY, TASKS, Task
from boathouse.options import require_between, require_choice, require_whole
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.scoring.flavours import FLAVOURS
from boathouse.scoring.scorer import write_scorer
from boathouse.scoring.spec import ScorerSpec


@dataclass(frozen=True)
class SearchOptions:
    """What is tried.

    Attributes:
        metric: A metric that the task selects by, on validation: for a binary task ``log_loss`` (lowest wins) or
            ``roc_auc`` (highest wins).
        seed: Seed of every fit.
        candidates: Each a mapping with ``algorithm`` and that algorithm's hyperparameters.
    """

    metric: str
    seed: int
    candidates: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        """Check metric, algorithms and names of hyperparameters."""
        require_choice("metric", self.metric, {name for task in TASKS.values() for name in task.search_metrics})
        require_whole("seed", self.seed, 0, 2**31 - 1)
        if not self.candidates:
            raise OptionError.out_of_range("candidates", self.candidates, "at least one")
        for candidate in self.candidates:
            require_choice("algorithm", str(candidate.get("algorithm")), tuple(FITS))
            for name in candidate.keys() - {"algorithm"}:
                require_choice(f"{candidate['algorithm']}.{name}", name, PARAMETERS[candidate["algorithm"]])


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate after fitting.

    Attributes:
        algorithm: Name in the registry.
        parameters: Its hyperparameters.
        metrics: What the task selects by, on validation, uncalibrated.
        estimator: The fitted estimator in its own format.
        log_odds: The estimator's numbers for the validation rows.
        seed: Seed of the fit.
    """

    algorithm: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    estimator: bytes
    log_odds: np.ndarray
    seed: int


def run_trials(train: Sample, validation: Sample, options: SearchOptions, *, task: Task = BINARY) -> list[Trial]:
    """Return every candidate fitted, best first; equal ones in the order of the options.

    Raises:
        OptionError: If the metric or an algorithm is none of the task's.
    """
    require_choice("metric", options.metric, task.search_metrics)
    trials = [fit_trial(train, validation, candidate, options.seed, task=task) for candidate in options.candidates]
    sign = -1 if task.search_metrics[options.metric] else 1
    return sorted(trials, key=lambda trial: sign * trial.metrics[options.metric])


def fit_trial(
    train: Sample, validation: Sample, candidate: Mapping[str, Any], seed: int, *, task: Task = BINARY
) -> Trial:
    """Return one candidate fitted on ``train`` and measured on ``validation``.

    Raises:
        OptionError: If the algorithm is none of the task's.
    """
    parameters = {name: value for name, value in candidate.items() if name != "algorithm"}
    algorithm = str(candidate["algorithm"])
    require_choice("algorithm", algorithm, task.estimators)
    estimator = FITS[algorithm](train, parameters, seed)
    odds = FLAVOURS[algorithm](estimator).log_odds(validation.matrix)
    metrics = task.measure_trial(validation.label, odds)
    return Trial(
        algorithm=algorithm, parameters=parameters, metrics=metrics, estimator=estimator, log_odds=odds, seed=seed
    )


@dataclass(frozen=True)
class FeatureOptions:
    """What a model may see.

    Attributes:
        excluded: Features that stay in the training set but are no input of the model.
        unknown_share: Share of the training rows that are repeated with every input missing, 0 to 0.5: of a row of
            which nothing is known the model then answers about the mean.
    """

    excluded: Sequence[str]
    unknown_share: float = 0.0

    def __post_init__(self) -> None:
        """Check the range."""
        require_between("unknown_share", self.unknown_share, 0, 0.5)


@dataclass(frozen=True)
class BaselineOptions:
    """The business rule that every model has to beat.

    Attributes:
        feature: The one feature whose value decides.
        bins: Most groups of its values, 1 to 100: a group for each value if there are no more, else by quantiles.
    """

    feature: str
    bins: int

    def __post_init__(self) -> None:
        """Check the range."""
        require_whole("bins", self.bins, 1, 100)


def cross_fit(trial: Trial, train: Sample, validation: Sample) -> np.ndarray:
    """Return the trial's numbers for the validation rows, by fits on train and the other half of the entities."""
    numbers = np.empty(len(validation.label))
    for half in (0, 1):
        rows = validation.halves == half
        if rows.any():
            seen = join_samples(train, validation.take(~rows))
            estimator = FITS[trial.algorithm](seen, trial.parameters, trial.seed)
            numbers[rows] = FLAVOURS[trial.algorithm](estimator).log_odds(validation.matrix[rows])
    return numbers


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
    """Return the trial as a sealed model: fitted again on all rows, calibrated and given its threshold for that fit.

    What ships is fitted on train and validation together: the newest cohorts are the most like the next one.
    Calibration, threshold and metrics are not those of the earlier fit, whose answers have another scale: each half
    of the validation's entities is answered by a fit on train and the other half, which is as good as what ships
    and has not seen the rows (cross-fitting).

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
    tuned = task.tune(cross_fit(trial, train, validation), validation.label, calibration, costs, adverse)
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
