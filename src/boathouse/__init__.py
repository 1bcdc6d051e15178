"""Boathouse: the whole life of a model on tables, on a laptop and on Databricks."""

__version__ = "0.1.0"
