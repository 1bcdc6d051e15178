"""Scoring outside of a pipeline's tables: streams of requests, and outputs that are no table of the catalog."""
