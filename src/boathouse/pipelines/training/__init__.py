"""Labels and features become a candidate model and a baseline."""

from boathouse.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
