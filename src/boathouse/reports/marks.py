"""What a drawing is made of: marks with places in it, and a whole chart with its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Units of a drawing: what a phone shows whole. A wider chart scrolls there.
NARROW = 352
# Letters of a label that fit into the column beside a heat map or bars.
_LETTERS = 19
# Around the place that they mark, about nine units wide; a ring goes around another shape.
_SHAPES = {
    "circle": "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "square": "m-4 -4h8v8h-8z",
    "triangle": "m0 -5l5 9h-10z",
    "diamond": "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    "ring": "m-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0 -13 0z",
    "cross": "m-4 -4l8 8m0 -8l-8 8",
}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One element of a drawing.

    Attributes:
        tag: Name of the SVG element.
        attributes: Its attributes by name, in order.
        text: What it shows, for ``text``.
        label: What it stands for, in words; shown by a pointer over it.
        focusable: Whether the keyboard reaches it, which then has its label read.
    """

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    label: str = ""
    focusable: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing and its numbers.

    Attributes:
        title: What it shows.
        description: What a reader sees in it, in a sentence.
        width: Width of the drawing in its own units; one above :data:`NARROW` scrolls on a narrow screen.
        height: Height likewise.
        marks: What is drawn, the first at the bottom.
        keys: Each symbol, drawn around (7, 7), with its meaning.
        headers: Names of the columns of the numbers; one that ends in ``#`` holds numbers.
        rows: The numbers as text.
    """

    title: str
    description: str
    width: int
    height: int
    marks: tuple[Mark, ...]
    keys: tuple[tuple[Mark, str], ...] = ()
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def make(tag: str, css: str, *, text: str = "", label: str = "", focusable: bool = False, **places: float) -> Mark:
    """Return one element of the class ``css``; ``places`` are its attributes that are numbers."""
    given = {name: write_place(value) for name, value in places.items()}
    return Mark(tag=tag, attributes={"class": css, **given}, text=text, label=label, focusable=focusable)


def draw_path(css: str, line: str, *, label: str = "", focusable: bool = False) -> Mark:
    """Return a path of the class ``css``."""
    return Mark(tag="path", attributes={"class": css, "d": line}, label=label, focusable=focusable)


def write_place(value: float) -> str:
    """Return a place as text; a tenth of a unit is finer than a screen."""
    return f"{value:.1f}".removesuffix(".0")


def draw_shape(shape: str, css: str, x: float, y: float, *, label: str = "", focusable: bool = False) -> Mark:
    """Return ``circle``, ``square``, ``triangle``, ``diamond``, ``ring`` or ``cross`` around a place."""
    line = f"M{write_place(x)} {write_place(y)}{_SHAPES[shape]}"
    return draw_path(css, line, label=label, focusable=focusable)


def shorten(text: str) -> str:
    """Return a label that fits beside a drawing; the whole of it is the label of its mark."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LETTERS else f"{one_line[: _LETTERS - 1]}…"


def add_note(note: str) -> str:
    """Return a note as a sentence after another; empty for none."""
    return f". {note}" if note else ""
