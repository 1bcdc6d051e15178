"""The decision whether the candidate becomes champion, and its record."""

from boathouse.pipelines.promotion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
