"""An empty MLflow store for these tests."""

from tests.model_store import empty_store

__all__ = ["empty_store"]
