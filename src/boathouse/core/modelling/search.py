"""Selection: every candidate fitted on train, the best on validation kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from boathouse.core.errors import OptionError
from boathouse.core.modelling.estimators import FITS, PARAMETERS
from boathouse.core.modelling.matrix import Sample
from boathouse.core.modelling.task import BINARY, TASKS, Task
from boathouse.core.options import require_choice, require_whole
from boathouse.core.scoring.flavours import FLAVOURS


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
