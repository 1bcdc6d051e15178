"""Scoring the newest cohorts with the champion."""

from boathouse.pipelines.batch_inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]
