"""Adapters of a run: what happens before and after pipelines and nodes."""
