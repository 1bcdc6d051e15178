"""What counts as released code, case by case."""

from __future__ import annotations

import pytest

from boathouse.lifecycle.evidence import SourceState, is_released
from boathouse.lifecycle.policy import RELEASES

ORIGINS = {
    "clean": SourceState(commit="abc", dirty="false", tag="unknown", is_wheel=False),
    "clean and tagged": SourceState(commit="abc", dirty="false", tag="v1", is_wheel=False),
    "changed": SourceState(commit="abc", dirty="true", tag="v1", is_wheel=False),
    "wheel": SourceState(commit="abc", dirty="unknown", tag="unknown", is_wheel=True),
    "wheel of a tag": SourceState(commit="abc", dirty="unknown", tag="v1", is_wheel=True),
    "wheel of nobody knows what": SourceState(commit="unknown", dirty="unknown", tag="unknown", is_wheel=True),
    "nobody knows": SourceState(commit="unknown", dirty="unknown", tag="unknown", is_wheel=False),
}
RELEASED = {
    "any": set(ORIGINS),
    "clean_commit": {"clean", "clean and tagged", "wheel", "wheel of a tag"},
    "tag": {"clean and tagged", "wheel of a tag"},
    "wheel": {"wheel", "wheel of a tag"},
}


@pytest.mark.parametrize("rule", RELEASES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_what_counts_as_released(origin: str, rule: str) -> None:
    assert is_released(ORIGINS[origin], rule) is (origin in RELEASED[rule])
