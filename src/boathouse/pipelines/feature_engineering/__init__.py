"""Clean tables become feature views, labels and groups."""

from boathouse.pipelines.feature_engineering.pipeline import create_pipeline

__all__ = ["create_pipeline"]
