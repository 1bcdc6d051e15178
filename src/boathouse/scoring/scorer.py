"""The scorer: the same number wherever it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from boathouse.errors import ModelError, UntrustedModelError
from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.scoring.files import SPEC, ModelFiles, check_files, seal_files
from boathouse.scoring.flavours import FLAVOURS, Estimator
from boathouse.scoring.spec import OUTPUTS, Outputs, ScorerSpec


@dataclass(frozen=True)
class Scorer:
    """An estimator with what makes an answer of its number: calibration, threshold and reasons.

    A matrix has one row per case and one column per feature of ``spec.features``, in that order, as
    float64 with NaN for missing. The result of a row does not depend on the rows beside it.
    """

    spec: ScorerSpec
    estimator: Estimator

    @property
    def outputs(self) -> Outputs:
        """What the answer consists of."""
        return OUTPUTS[self.spec.task]

    def answer(self, matrix: np.ndarray) -> dict[str, np.ndarray]:
        """Return one array for each column of the answer, by name, reasons left out.

        Raises:
            ModelError: If the matrix has not one column per feature.
        """
        arrays = self.outputs.compute(self.spec, self.estimator.log_odds(self._checked(matrix)))
        return {column.name: array for column, array in zip(self.outputs.columns, arrays, strict=True)}

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return the column of the answer that is measured and watched, one float64 a row.

        Raises:
            ModelError: If the matrix has not one column per feature.
        """
        return self.answer(matrix)[self.outputs.main]

    def predict_probability(self, matrix: np.ndarray) -> np.ndarray:
        """Return :meth:`predict`, which for a binary task is the calibrated probability of label 1, 0 to 1."""
        return self.predict(matrix)

    def decide(self, probability: np.ndarray) -> np.ndarray:
        """Return 1 where the probability reaches the threshold, else 0, as int32."""
        return self.spec.decide(probability)

    def find_explained(self, answer: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the places of the rows of an answer that owe reasons."""
        arrays = tuple(answer[column.name] for column in self.outputs.columns)
        return np.flatnonzero(self.outputs.find_explained(self.spec, arrays))

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return each feature's share of the log-odds before calibration, in the matrix's shape."""
        return self.estimator.contributions(self._checked(matrix))

    def reasons(self, matrix: np.ndarray, count: int) -> list[list[str]]:
        """Return for each row up to ``count`` texts: the features that drive it most towards the adverse value.

        The strongest is first; a feature that drives it the other way is no reason.
        """
        shares = self.contributions(matrix) * (1 if self.spec.adverse == 1 else -1)
        order = np.argsort(-shares, axis=1, kind="stable")[:, :count]
        texts = [self.spec.reason_texts[name] for name in self.spec.features]
        return [
            [texts[column] for column in columns if row[column] > 0] for row, columns in zip(shares, order, strict=True)
        ]

    def _checked(self, matrix: np.ndarray) -> np.ndarray:
        expected = len(self.spec.features)
        if matrix.ndim != 2 or matrix.shape[1] != expected:
            raise ModelError.wrong_shape(matrix.shape, expected)
        return matrix


def write_scorer(spec: ScorerSpec, estimator: bytes, feature_spec: FeatureSpec | None = None) -> ModelFiles:
    """Return the sealed files of a model: its spec, what it looks up, and its estimator in the algorithm's format."""
    files = {SPEC: spec.to_json(), FLAVOURS[spec.algorithm].file: estimator}
    return seal_files(files if feature_spec is None else {**files, FEATURE_SPEC: feature_spec.to_json()})


def load_scorer(files: ModelFiles) -> Scorer:
    """Return the scorer that ``files`` hold; no code of theirs is executed.

    Raises:
        UntrustedModelError: If a name, a digest, the algorithm or a stored type is not allowed, or the estimator takes
            other columns than the spec names.
    """
    check_files(files)
    if SPEC not in files:
        raise UntrustedModelError.manifest_differs([SPEC])
    spec = ScorerSpec.from_json(files[SPEC])
    if spec.task not in OUTPUTS:
        raise UntrustedModelError.unknown_task(spec.task, OUTPUTS)
    if spec.algorithm not in FLAVOURS:
        raise UntrustedModelError.unknown_algorithm(spec.algorithm, FLAVOURS)
    flavour = FLAVOURS[spec.algorithm]
    if flavour.file not in files:
        raise UntrustedModelError.manifest_differs([flavour.file])
    estimator = flavour(files[flavour.file])
    if estimator.columns not in {None, len(spec.features)}:
        raise UntrustedModelError.other_width(flavour.file, estimator.columns, len(spec.features))
    return Scorer(spec, estimator)
