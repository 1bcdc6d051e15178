"""Conventions of all text: nothing that only one machine, one network or one room knows."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# In two pieces, so that this list does not find itself.
REGISTRIES = tuple(
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("conda", "anaconda"),
        ("repo1.maven", "org"),
        ("repo.maven.apache", "org"),
        ("npmjs", "org"),
        ("proxy.golang", "org"),
        ("crates", "io"),
        ("deb.debian", "org"),
    )
)

# What a reader of the project cannot open: paths of one machine, numbers of a tracker, documents that are elsewhere.
_OUTSIDE = re.compile(r"(?<![\w./:}])/(?:work|root|home/\w+|Users|tmp/s)/[\w./-]*|\b[Ii]ssue #?\d+\b")
_PATH = re.compile(r"(?<![\w./}<>])((?:conf|docs|resources|benchmarks|scripts)/[\w-]+(?:[/.][\w-]+)*)(?![\w{*/<])")
_DOCUMENT = re.compile(r"(?<![\w/.*<>{}-])((?:[\w-]+/)*[\w-]+\.md)\b(?!\.j2)")


def find_registries(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines that name the host of a package registry; where packages come from is each machine's matter."""
    return [where for where, line in _lines(texts) if any(host in line for host in REGISTRIES)]


def find_outside_references(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines that name a path of one machine or the number of an issue."""
    return [where for where, line in _lines(texts) if _OUTSIDE.search(line)]


def find_missing_documents(texts: Iterable[tuple[str, str]], existing: Collection[str]) -> list[str]:
    """Return the lines that name a Markdown document which is not in the project, by its file name.

    What is below ``dist`` is made by a command.
    """
    names = {path.rsplit("/", 1)[-1] for path in existing}
    return [
        f"{where}: {document}"
        for where, line in _lines(texts)
        for document in _DOCUMENT.findall(line)
        if document.rsplit("/", 1)[-1] not in names and not document.startswith("dist/")
    ]


def find_missing_paths(texts: Iterable[tuple[str, str]], existing: Collection[str]) -> list[str]:
    """Return the lines that name a file or folder of the project by its path, and there is none; ``{…}`` is open."""
    return [
        f"{where}: {path}"
        for where, line in _lines(texts)
        for path in _PATH.findall(line)
        if not any(each == path or each.startswith((f"{path}/", f"{path}.")) for each in existing)
    ]


def _lines(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for path, text in texts:
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{path}:{number}", line


def find_columns(path: str, text: str, columns: Collection[str]) -> list[str]:
    """Return where a module names a column of the use case, as a string, a name, an attribute or an argument.

    A column of one word (``age``) counts only as a whole string: it is a word of the language as well.
    """
    long = {column for column in columns if "_" in column}
    short = set(columns) - long
    found = []
    for node in _without_docstrings(ast.parse(text)):
        for word in _words(node):
            hits = set(re.findall(r"\w+", word)) & long | ({word} & short if isinstance(node, ast.Constant) else set())
            found += [f"{path}:{getattr(node, 'lineno', 0)}: {hit}" for hit in sorted(hits)]
    return found


def _without_docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    skipped = set()
    for node in ast.walk(tree):
        # A string that is a statement is prose: a docstring of a module, class, function or attribute.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
    yield from (node for node in ast.walk(tree) if node not in skipped)


def _words(node: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(value)):
            return [value]
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
            return [name]
        case _:
            return []
