"""A model registry of its own for each test, and the sample project with its store."""

from tests.fixtures.model_store import empty_store, store, workspace
from tests.fixtures.sample_project import sample, shared_store, tracked

__all__ = ["empty_store", "sample", "shared_store", "store", "tracked", "workspace"]
