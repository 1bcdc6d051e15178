"""Quartz expressions: seconds, minutes, hours, day of month, month, day of week, perhaps year."""

from __future__ import annotations

import re

_MONTHS = {
    name: str(number) for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)
}
_DAYS = {name: str(number) for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
_FIELDS = (
    ("seconds", 0, 59),
    ("minutes", 0, 59),
    ("hours", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 1, 7),
    ("year", 1970, 2099),
)
_SPAN = re.compile(r"(\*|\d+(?:-\d+)?)(?:/(\d+))?")
# The last day, the last weekday, the nearest weekday, the third Monday, the last Friday.
_SPECIAL = {"day of month": re.compile(r"L(-\d+)?|LW|\d+W"), "day of week": re.compile(r"L|\dL|\d#[1-5]")}


def find_cron_fault(expression: str) -> str | None:
    """Return what is wrong with a Quartz expression, or None.

    Of day of month and day of week exactly one is ``?``: the platform's scheduler refuses both and neither.
    """
    fields = expression.upper().split()
    if len(fields) not in (6, 7):
        return f"{len(fields)} fields; a Quartz expression has six (seconds first) or seven"
    if [fields[3], fields[5]].count("?") != 1:
        return "day of month and day of week; exactly one of them is '?'"
    for text, (name, low, high) in zip(fields, _FIELDS, strict=False):
        names = {"month": _MONTHS, "day of week": _DAYS}.get(name, {})
        for part in text.split(","):
            plain = part
            for short, number in names.items():
                plain = plain.replace(short, number)
            if not _is_allowed(plain, name, low, high):
                return f"{part!r} as {name}; allowed: {low} to {high}"
    return None


def _is_allowed(part: str, name: str, low: int, high: int) -> bool:
    if name in _SPECIAL and (part == "?" or _SPECIAL[name].fullmatch(part)):
        return True
    span = _SPAN.fullmatch(part)
    if span is None:
        return False
    numbers = [int(each) for each in span[1].split("-")] if span[1] != "*" else []
    # A span may go over the end, as 22-2 does for hours.
    return all(low <= each <= high for each in numbers) and span[2] != "0"
