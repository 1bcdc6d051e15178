"""Conventions of the source: names of modules, lengths of functions, docstrings."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A module with one of these names has no subject: everything may go into it.
FORBIDDEN_WORDS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"})

MEDIAN_LINES = 8
NINE_IN_TEN_LINES = 25
MOST_LINES = 50
FILE_LINES = 300

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the source.

    Attributes:
        where: ``path:line``.
        name: Name, with the class's name before it.
        lines: Lines of its body, without docstring, comments and empty lines.
        is_public: Whether neither its name nor its class's name begins with an underscore.
        has_docstring: Whether it has a docstring.
    """

    where: str
    name: str
    lines: int
    is_public: bool
    has_docstring: bool


def find_functions(path: str, text: str) -> Iterator[Function]:
    """Give each function and method of a module; functions inside functions count as body lines alone."""
    yield from _walk(ast.parse(text), path, text.splitlines(), owner="")


def _walk(parent: ast.Module | ast.ClassDef, path: str, lines: list[str], owner: str) -> Iterator[Function]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef):
            yield from _walk(node, path, lines, f"{owner}{node.name}.")
        elif isinstance(node, FunctionNode):
            name = f"{owner}{node.name}"
            yield Function(
                where=f"{path}:{node.lineno}",
                name=name,
                lines=_count_body_lines(node, lines),
                is_public=not any(part.startswith("_") for part in name.split(".")),
                has_docstring=ast.get_docstring(node) is not None,
            )


def _count_body_lines(node: FunctionNode, lines: list[str]) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    block = lines[body[0].lineno - 1 : body[-1].end_lineno]
    return sum(1 for line in block if line.strip() and not line.lstrip().startswith("#"))


def find_long_functions(functions: Iterable[Function]) -> list[str]:
    """Return the functions that are longer than any may be."""
    return [
        f"{function.where}: {function.name}: {function.lines} lines"
        for function in functions
        if function.lines > MOST_LINES
    ]


def describe_lengths(functions: Iterable[Function]) -> list[str]:
    """Return what is wrong with the lengths of all functions together: their median and their ninth decile."""
    lengths = [function.lines for function in functions]
    ninth = quantiles(lengths, n=10, method="inclusive")[-1]
    found = []
    if median(lengths) > MEDIAN_LINES:
        found.append(f"median of {median(lengths)} body lines, {MEDIAN_LINES} at most")
    if ninth > NINE_IN_TEN_LINES:
        found.append(f"nine in ten have up to {ninth} body lines, {NINE_IN_TEN_LINES} at most")
    return found


def find_undocumented(functions: Iterable[Function]) -> list[str]:
    """Return the public functions without a docstring."""
    bare = [function for function in functions if function.is_public and not function.has_docstring]
    return [f"{function.where}: {function.name}" for function in bare]


def find_long_files(files: Iterable[tuple[str, str]]) -> list[str]:
    """Return the files that are longer than a file should be."""
    return [f"{path}: {len(text.splitlines())} lines" for path, text in files if len(text.splitlines()) > FILE_LINES]


def find_subjectless(paths: Iterable[str]) -> list[str]:
    """Return the modules and folders whose name has no subject."""
    return [path for path in paths if FORBIDDEN_WORDS & set(path.removesuffix(".py").replace("/", "_").split("_"))]
