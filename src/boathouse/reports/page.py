"""A page of sections and tables, shown as Markdown or as one HTML file from the same content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.reports.rendering import render_html, render_markdown

if TYPE_CHECKING:
    from boathouse.reports.marks import Chart


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under headers.

    Attributes:
        caption: What the table shows, for somebody who jumps to it.
        headers: Names of the columns; one that ends in ``#`` holds numbers and is set to the right.
        rows: Cells as plain text, one row each; the first cell names its row.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do.

    Attributes:
        text: What, in a sentence.
        command: What is typed for it; empty for none.
        reason: Why: what it answers.
    """

    text: str
    command: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a page.

    Attributes:
        title: Its heading.
        text: One paragraph an entry.
        tables: Tables below the text; one without rows is left out.
        level: Depth of the heading, 2 or 3.
        mark: ``error``, ``warning``, ``good`` or empty: how the text is set off.
        steps: What to do, the most urgent first, below the text; in HTML alone, as charts are.
        charts: Drawings, between steps and tables.
    """

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    level: int = 2
    mark: str = ""
    steps: tuple[Step, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole page.

    Attributes:
        title: Its title.
        lead: One paragraph on what it is about.
        sections: In order.
        facts: Names with their values, below the title of the HTML page.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...] = ()

    def to_markdown(self) -> str:
        """Return the page as Markdown with tables."""
        return render_markdown("page.md.j2", page=self)

    def to_html(self) -> str:
        """Return the page as one HTML file, light or dark as the reader has it."""
        return render_html("page.html.j2", page=self)
