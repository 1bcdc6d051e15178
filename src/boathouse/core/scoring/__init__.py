"""The one scorer: probability, decision and reasons from a matrix of features; needs numpy alone to import."""

from boathouse.core.scoring.feature_spec import FeatureSpec
from boathouse.core.scoring.files import ModelFiles, read_folder, seal_files
from boathouse.core.scoring.scorer import Scorer, load_scorer, write_scorer
from boathouse.core.scoring.spec import ScorerSpec

__all__ = [
    "FeatureSpec",
    "ModelFiles",
    "Scorer",
    "ScorerSpec",
    "load_scorer",
    "read_folder",
    "seal_files",
    "write_scorer",
]
