"""Extracts become raw tables, and clean ones under contract."""

from boathouse.pipelines.data_prep.pipeline import create_pipeline

__all__ = ["create_pipeline"]
