"""What changed, how well the champion does, and what to do about it."""

from boathouse.pipelines.monitoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
