"""Whom a model treats worse: rates by group and their differences."""

from boathouse.core.fairness.groups import FairnessOptions, GroupFairness, GroupRates, measure_fairness

__all__ = ["FairnessOptions", "GroupFairness", "GroupRates", "measure_fairness"]
