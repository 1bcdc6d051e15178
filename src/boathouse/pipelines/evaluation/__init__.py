"""The candidate measured against champion and baseline on the same unseen rows."""

from boathouse.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
