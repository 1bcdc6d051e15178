"""Quartz expressions, as Quartz' own documentation has them."""

from __future__ import annotations

import pytest

from boathouse.bundle.cron import find_cron_fault


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 12 * * ?",
        "0 15 10 ? * MON-FRI",
        "0 0 22-2 ? * FRI-MON",
        "0 15 10 L * ?",
        "0 15 10 ? * 6L 2026-2030",
        "0 15 10 ? * 6#3",
        "0 0/5 14,18 * * ?",
        "0 0 3 LW JAN,JUL ?",
        "0 0 12 15W * ?",
        "0 0 12 1/5 * ?",
    ],
)
def test_an_expression_of_quartz_is_accepted(expression: str) -> None:
    assert find_cron_fault(expression) is None


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("0 5 * * *", "5 fields"),
        ("0 0 12 * * *", "exactly one of them is '?'"),
        ("0 0 12 ? * ?", "exactly one of them is '?'"),
        ("0 60 12 * * ?", "'60' as minutes; allowed: 0 to 59"),
        ("0 0 24 * * ?", "'24' as hours"),
        ("0 0 3 32 * ?", "'32' as day of month"),
        ("0 0 3 ? * 0", "'0' as day of week"),
        ("0 0 3 1 13 ?", "'13' as month"),
        ("0 0/0 3 1 * ?", "'0/0' as minutes"),
        ("0 0 3 1 * ? 1969", "'1969' as year"),
        ("a 0 3 1 * ?", "'A' as seconds"),
        ("", "0 fields"),
    ],
)
def test_what_quartz_refuses_is_found(expression: str, fault: str) -> None:
    assert fault in str(find_cron_fault(expression))
