"""The sample project for these tests."""

from tests.fixtures.sample_project import fail_training, sample, shared_store, tracked

__all__ = ["fail_training", "sample", "shared_store", "tracked"]
