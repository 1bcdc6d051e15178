"""Scoring requests as they arrive."""

from boathouse.pipelines.stream_inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]
