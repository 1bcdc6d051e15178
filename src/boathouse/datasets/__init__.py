"""Adapters that the catalog names."""
