"""Selection: every candidate fitted on train, the best on validation kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from boathouse.core.errors import OptionError
from boathouse.core.evaluation.metrics import log_loss, roc_auc
from boathouse.core.modelling.estimators import FITS, PARAMETERS
from boathouse.core.modelling.matrix import Sample
from boathouse.core.options import require_choice, require_whole
from boathouse.core.scoring.calibration import Calibration
from boathouse.core.scoring.flavours import FLAVOURS

METRICS = ("log_loss", "roc_auc")


@dataclass(frozen=True)
class SearchOptions:
    """What is tried.

    Attributes:
        metric: ``log_loss`` (lowest wins) or ``roc_auc`` (highest wins), on validation.
        seed: Seed of every fit.
        candidates: Each a mapping with ``algorithm`` and that algorithm's hyperparameters.
    """

    metric: str
    seed: int
    candidates: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        """Check metric, algorithms and names of hyperparameters."""
        require_choice("metric", self.metric, METRICS)
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
        metrics: ``log_loss`` and ``roc_auc`` on validation, uncalibrated.
        estimator: The fitted estimator in its own format.
        log_odds: Of the validation rows.
        seed: Seed of the fit.
    """

    algorithm: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    estimator: bytes
    log_odds: np.ndarray
    seed: int


def run_trials(train: Sample, validation: Sample, options: SearchOptions) -> list[Trial]:
    """Return every candidate fitted, best first; equal ones in the order of the options."""
    trials = [fit_trial(train, validation, candidate, options.seed) for candidate in options.candidates]
    sign = 1 if options.metric == "log_loss" else -1
    return sorted(trials, key=lambda trial: sign * trial.metrics[options.metric])


def fit_trial(train: Sample, validation: Sample, candidate: Mapping[str, Any], seed: int) -> Trial:
    """Return one candidate fitted on ``train`` and measured on ``validation``."""
    parameters = {name: value for name, value in candidate.items() if name != "algorithm"}
    algorithm = str(candidate["algorithm"])
    estimator = FITS[algorithm](train, parameters, seed)
    odds = FLAVOURS[algorithm](estimator).log_odds(validation.matrix)
    probability = Calibration("none").to_probability(odds)
    metrics = {
        "log_loss": log_loss(validation.label, probability),
        "roc_auc": roc_auc(validation.label, probability),
    }
    return Trial(
        algorithm=algorithm, parameters=parameters, metrics=metrics, estimator=estimator, log_odds=odds, seed=seed
    )
