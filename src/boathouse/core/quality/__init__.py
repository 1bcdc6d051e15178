"""Rows against their contract: typed, judged, split into valid and quarantined, counted."""

from boathouse.core.quality.judging import JudgedRows, judge_rows
from boathouse.core.quality.report import QualityCounts, QualityOptions, check_quality, count_rows

__all__ = ["JudgedRows", "QualityCounts", "QualityOptions", "check_quality", "count_rows", "judge_rows"]
