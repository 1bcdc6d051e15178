"""The MLflow model: the loader that a model's MLmodel file names."""

from boathouse.scorer.pyfunc import ScorerModel, _load_pyfunc

__all__ = ["ScorerModel", "_load_pyfunc"]
