"""Reports read back: their structure, their tables and the text that a reader sees."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

_VOID = {"meta", "img", "br", "hr", "link", "input"}


class Html(HTMLParser):
    """A page read back.

    Attributes:
        tags: Each start tag with the names of its attributes, in order.
        text: What is shown, without style.
        headings: Text of each heading, with its level before it.
        tables: Rows of each table as text of cells.
        unbalanced: Tags that were closed where another was open, or never.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.headings: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self._shown: list[str] = []
        self.feed(page)
        self.close()
        self.unbalanced += self._open
        self.text = " ".join("".join(self._shown).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"td", "th"}:
            self.tables[-1][-1].append("")
        if re.fullmatch(r"h\d", tag):
            self.headings.append(f"{tag} ")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self._shown.append(data)
        if self._open and re.fullmatch(r"h\d", self._open[-1]):
            self.headings[-1] += data
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data


def parse_markdown(text: str) -> list[Token]:
    """Return the tokens of CommonMark with the tables and strikethrough of GitHub."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return parser.parse(text)


def structure_of(tokens: list[Token]) -> list[str]:
    """Return the kinds of tokens without text and code, which show a value."""
    shown = {"text", "code_inline", "softbreak"}
    kinds = ((one.type for one in each.children) if each.children is not None else [each.type] for each in tokens)
    return [kind for group in kinds for kind in group if kind not in shown]


def visible_text(tokens: list[Token]) -> str:
    """Return what a reader sees."""
    parts = []
    for each in tokens:
        shown = [" " if one.type == "softbreak" else one.content for one in each.children or ()]
        parts.append("".join(shown))
    return " ".join(" ".join(parts).split())


def headings_of(tokens: list[Token]) -> list[str]:
    """Return each heading with its level before it."""
    pairs = pairwise(tokens)
    return [f"{each.tag} {visible_text([text])}" for each, text in pairs if each.type == "heading_open"]


def table_rows(text: str) -> Iterator[list[list[str]]]:
    """Give each table as rows of cells, split at pipes that are not escaped; the line of dashes is a row too."""
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            yield [re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1] for line in lines]
