"""Colours of the style sheet: text and drawings stand out in the light and in the dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import boathouse.reports

STYLE = (Path(boathouse.reports.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
TEXT = [
    *[(ink, ground) for ink in ("ink", "faint", "link") for ground in ("ground", "shade")],
    *[(name, f"{name}-ground") for name in ("error", "warning", "good")],
    *[("on-low", f"heat-{level}") for level in (0, 1, 2)],
    *[("on-high", f"heat-{level}") for level in (3, 4)],
]
DRAWN = [(f"series-{number}", "ground") for number in range(4)]


def palettes() -> dict[str, dict[str, str]]:
    """Return the variables of both schemes; those of the dark one stand over the others."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    read = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in (light, dark)]
    assert read[0].keys() == read[1].keys()
    return {"light": read[0], "dark": read[0] | read[1]}


def luminance(colour: str) -> float:
    """Return the relative luminance, 0 (black) to 1 (white), of WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_is_readable(scheme: str, ink: str, ground: str) -> None:
    palette = palettes()[scheme]
    assert contrast(palette[ink], palette[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("drawn", "ground"), DRAWN)
def test_what_is_drawn_stands_out(scheme: str, drawn: str, ground: str) -> None:
    palette = palettes()[scheme]
    assert contrast(palette[drawn], palette[ground]) >= 3


def test_charts_have_no_colour_of_their_own() -> None:
    rules = STYLE[STYLE.index("svg {") :]
    assert not re.search(r"(fill|stroke): #", rules)
