"""Fixtures of the adapters' tests."""

from tests.model_store import empty_store, store

__all__ = ["empty_store", "store"]
