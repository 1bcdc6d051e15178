"""What MLflow calls: features in, the model's answer out, reasons on request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.errors import ModelError
from boathouse.scoring.files import read_folder
from boathouse.scoring.scorer import Scorer, load_scorer

if TYPE_CHECKING:
    import pandas as pd

# Reasons per row when a caller asks to explain.
REASON_COUNT = 3


class ScorerModel:
    """The scorer behind MLflow's Python interface."""

    def __init__(self, scorer: Scorer) -> None:
        """Keep the loaded scorer."""
        self.scorer = scorer

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one row per input row: the columns of the answer and reasons.

        Args:
            model_input: The model's features as columns, in any order.
            params: ``explain`` (default False): whether ``reasons`` is filled; it is a JSON list of texts.

        Raises:
            ModelError: If a feature is missing.
        """
        import pandas as pd

        features = list(self.scorer.spec.features)
        missing = sorted(set(features) - set(model_input.columns))
        if missing:
            raise ModelError.missing_features(missing, model_input.columns)
        matrix = model_input[features].to_numpy(dtype=np.float64, na_value=np.nan)
        answer = self.scorer.answer(matrix)
        explain = bool((params or {}).get("explain", False))
        reasons = self.scorer.reasons(matrix, REASON_COUNT) if explain else [[]] * len(matrix)
        # Whole numbers are long in the signature.
        columns = {
            name: values.astype(np.int64) if values.dtype == np.int32 else values for name, values in answer.items()
        }
        return pd.DataFrame({**columns, "reasons": [json.dumps(texts) for texts in reasons]})


def _load_pyfunc(path: str) -> ScorerModel:
    """Return the model in folder ``path``; MLflow calls this by name."""
    return ScorerModel(load_scorer(read_folder(Path(path))))
