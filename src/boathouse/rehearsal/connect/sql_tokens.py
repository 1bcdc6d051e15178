"""SQL split into tokens and names: texts and comments are left alone, names are found in any form of quoting."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_TOKENS = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)"""
    r"""|(?P<text>[rR]?'(?:[^'\\]|\\.)*'|[rR]?"(?:[^"\\]|\\.)*")"""
    r"""|(?P<quoted>`(?:[^`]|``)+`)"""
    r"""|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<number>\d[\w.]*)"""
    r"""|(?P<other>.)""",
    re.DOTALL,
)
# What may follow a dot and be part of a name: `a`.1b is a name of Spark as well.
_PARTS = ("word", "quoted", "number")
# A name that follows one of these is a table's.
_BEFORE_TABLES = frozenset(
    "FROM JOIN INTO UPDATE TABLE USING HISTORY DETAIL EXTENDED DESCRIBE DESC TBLPROPERTIES OPTIMIZE VACUUM OVERWRITE "
    "RESTORE".split()
)
_FILLERS = frozenset({"IF", "NOT", "EXISTS"})


@dataclass(frozen=True)
class Token:
    """One token.

    Attributes:
        kind: ``space`` (comments too), ``text``, ``quoted``, ``word``, ``number`` or ``other``.
        text: As written.
    """

    kind: str
    text: str

    @property
    def keyword(self) -> str:
        """The word in capitals; empty for what is no plain word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def part(self) -> str:
        """The token as a part of a name."""
        return self.text[1:-1].replace("``", "`") if self.kind == "quoted" else self.text


@dataclass(frozen=True)
class Name:
    """A name of one or more parts.

    Attributes:
        parts: Without quotes.
        start: Index of its first token.
        end: Index after its last token.
        in_table_position: Whether it stands where a statement names a table.
        is_call: Whether a bracket follows, as after a function's name.
    """

    parts: tuple[str, ...]
    start: int
    end: int
    in_table_position: bool
    is_call: bool


def split_tokens(text: str) -> list[Token]:
    """Return the tokens of ``text``; together they are the text again."""
    return [Token(str(found.lastgroup), found.group()) for found in _TOKENS.finditer(text)]


def significant(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without spaces, comments and a closing semicolon."""
    kept = [token for token in tokens if token.kind != "space"]
    while kept and kept[-1].text == ";":
        kept.pop()
    return kept


def find_names(tokens: Sequence[Token]) -> Iterator[Name]:
    """Give the names in their order; a keyword counts as a name of one part where no dot follows it."""
    index, before = 0, ""
    while index < len(tokens):
        token = tokens[index]
        if token.kind not in ("word", "quoted"):
            if token.kind != "space":
                before = token.keyword
            index += 1
            continue
        parts, end = _read_name(tokens, index)
        following = _next(tokens, end)
        is_call = following is not None and following.text == "("
        yield Name(tuple(parts), index, end, before in _BEFORE_TABLES, is_call)
        if len(parts) > 1 or token.keyword not in _FILLERS:
            before = token.keyword if len(parts) == 1 else ""
        index = end


def _read_name(tokens: Sequence[Token], start: int) -> tuple[list[str], int]:
    """Return the parts of the name that begins at ``start``, and the index after it; spaces may surround a dot."""
    parts, end = [tokens[start].part], start + 1
    while True:
        dot = _skip(tokens, end)
        part = _skip(tokens, dot + 1)
        if part >= len(tokens) or tokens[dot].text != "." or tokens[part].kind not in _PARTS:
            return parts, end
        parts.append(tokens[part].part)
        end = part + 1


def _skip(tokens: Sequence[Token], index: int) -> int:
    while index < len(tokens) and tokens[index].kind == "space":
        index += 1
    return index


def _next(tokens: Sequence[Token], index: int) -> Token | None:
    place = _skip(tokens, index)
    return tokens[place] if place < len(tokens) else None


def quote(parts: Sequence[str]) -> str:
    """Return a name as SQL writes it, each part in backticks."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def split_name(text: str) -> tuple[str, ...]:
    """Return the parts of one name as plans hold it, such as ``prod.features.x`` or with backticks."""
    tokens = split_tokens(text)
    # A plan's name may begin with a digit or have a dash in it, which a statement would have to quote.
    if not any(token.kind == "quoted" for token in tokens):
        return tuple(text.split("."))
    parts, end = _read_name(tokens, 0)
    return tuple(parts) if end == len(tokens) else (text,)


def rewrite_names(tokens: Sequence[Token], rewrite: Callable[[Name], str | None]) -> str:
    """Return the text with each name replaced by what ``rewrite`` returns for it; None leaves it as it is."""
    written, index = [], 0
    for name in find_names(tokens):
        written += [token.text for token in tokens[index : name.start]]
        replaced = rewrite(name)
        written += [token.text for token in tokens[name.start : name.end]] if replaced is None else [replaced]
        index = name.end
    return "".join([*written, *(token.text for token in tokens[index:])])
