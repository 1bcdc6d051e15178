"""A model registry of its own for each test."""

from tests.fixtures.model_store import empty_store, store

__all__ = ["empty_store", "store"]
