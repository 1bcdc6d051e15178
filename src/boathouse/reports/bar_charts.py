"""Charts of values side by side, as geometry: a heat map, and the shares of bins then and now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from boathouse.reports.axes import Scale, finite, show_number
from boathouse.reports.marks import NARROW, Chart, add_note, make, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from boathouse.reports.marks import Mark

_LABELS = 136
_CELL, _ROW, _PAIR = 54, 22, 30


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a heat map: its value, the class of its colour (0 to 4), a sign beside it, and words on it."""

    value: float | None
    level: int = 0
    sign: str = ""
    note: str = ""


def heat_map(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], Cell],
    *,
    levels: Sequence[str],
) -> Chart:
    """Return a grid of values; each cell shows its number, and a sign where it has one.

    Args:
        title: What the values are.
        rows: Names from top to bottom.
        columns: Names from left to right.
        cells: By row and column; one that is not there is shown empty.
        levels: What each class of colour stands for, the least first; at most five.
    """
    marks: list[Mark] = []
    for place, name in enumerate(columns):
        marks.append(make("text", "axis middle", x=_LABELS + _CELL * (place + 0.5), y=14, text=name))
    for line, name in enumerate(rows):
        y = 22 + _ROW * line
        marks.append(make("text", "axis end", x=_LABELS - 8, y=y + 15, text=shorten(name), label=name))
        for place, column in enumerate(columns):
            marks += _draw_cell(cells.get((name, column)), _LABELS + _CELL * place, y, f"{name}, {column}")
    known = [value for each in cells.values() if (value := finite(each.value)) is not None]
    largest = f"The largest value is {show_number(max(known))}." if known else "No value."
    return Chart(
        title=title,
        description=f"{len(rows)} rows, {len(columns)} windows. {largest}",
        width=max(NARROW, _LABELS + _CELL * len(columns) + 8),
        height=30 + _ROW * len(rows),
        marks=tuple(marks),
        keys=tuple(
            (make("rect", f"heat h{level}", x=1, y=1, width=12, height=12), text) for level, text in enumerate(levels)
        ),
        headers=("column", *(f"{name}#" for name in columns)),
        rows=tuple((name, *(_show_cell(cells.get((name, column))) for column in columns)) for name in rows),
    )


def _draw_cell(cell: Cell | None, x: float, y: float, name: str) -> Iterator[Mark]:
    value = None if cell is None else finite(cell.value)
    box = partial(make, "rect", x=x + 1, y=y + 1, width=_CELL - 2, height=_ROW - 2)
    if cell is None or value is None:
        yield box("heat none", label=f"{name}: no value")
        return
    label = f"{name}: {show_number(value)}{add_note(cell.note)}"
    yield box(f"heat h{cell.level}", label=label)
    yield make("text", f"heat-text t{cell.level}", x=x + _CELL / 2, y=y + 15, text=_show_cell(cell), label=label)


def _show_cell(cell: Cell | None) -> str:
    value = None if cell is None else finite(cell.value)
    if cell is None or value is None:
        return "–"
    return f"{cell.sign} {value:.2f}".strip() if abs(value) < 100 else f"{cell.sign} {value:.0e}".strip()


def paired_bars(
    title: str, bins: Sequence[tuple[str, float, float]], *, before: str = "then", now: str = "now", note: str = ""
) -> Chart:
    """Return for each bin two bars, the shares (0 to 1) before and now: an outline above a filled one.

    Args:
        title: What is distributed.
        bins: Name of a bin and its two shares.
        before: What the first share is of.
        now: What the second is of.
        note: What a reader has to know besides, such as what the bins leave out.
    """
    kept = [(name, finite(first) or 0.0, finite(second) or 0.0) for name, first, second in bins]
    top = max([0.05, *(max(first, second) for _, first, second in kept)])
    across = Scale(low=0.0, high=top, start=_LABELS, end=NARROW - 46)
    marks: list[Mark] = []
    for line, (name, *shares) in enumerate(kept):
        y = 4 + _PAIR * line
        marks.append(make("text", "axis end", x=_LABELS - 8, y=y + 16, text=shorten(name), label=name))
        for place, (of, share) in enumerate(zip((before, now), shares, strict=True)):
            marks += _draw_bar(f"{name}, {of}", place, share, across, y + 12 * place)
    moved = max(kept, key=lambda each: abs(each[2] - each[1]), default=None)
    told = f"The largest change is that of {moved[0]}: {moved[1]:.1%} to {moved[2]:.1%}." if moved else "No values."
    return Chart(
        title=title,
        description=f"{told}{f' {note}' if note else ''}",
        width=NARROW,
        height=8 + _PAIR * len(kept),
        marks=tuple(marks),
        keys=tuple(
            (make("rect", f"bar b{place}", x=1, y=2, width=12, height=9), name)
            for place, name in enumerate((before, now))
        ),
        headers=("bin", f"{before}#", f"{now}#"),
        rows=tuple((name, f"{first:.1%}", f"{second:.1%}") for name, first, second in kept),
    )


def _draw_bar(name: str, place: int, share: float, across: Scale, y: float) -> Iterator[Mark]:
    box = partial(make, "rect", x=across.start, y=y, width=max(across.place(share) - across.start, 0.8), height=10)
    yield box(f"bar b{place}", label=f"{name}: {share:.1%}", focusable=True)
    yield make("text", "value", x=across.place(share) + 5, y=y + 9, text=f"{share:.1%}")
