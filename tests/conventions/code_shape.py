"""Conventions of the source: names of modules, lengths of functions, docstrings."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# A module with one of these names has no subject: everything may go into it.
FORBIDDEN_WORDS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"})

MEDIAN_LINES = 8
NINE_IN_TEN_LINES = 25
MOST_LINES = 50
FILE_LINES = 400
# A file this short that one other file alone imports is a part of that file: a reader has to open two for one thought.
SHORT_FILE_LINES = 40
# How many of those there may be: a ratchet. It is lowered when some are merged and never raised for a new one. Some
# stay: Kedro finds pipeline_registry by its name, and a contract of a table stands apart from what needs Spark.
SHORT_FILES = 0

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


def find_short_files(files: Mapping[str, str]) -> list[str]:
    """Return the modules of fewer than 40 lines that one module alone imports.

    Args:
        files: Text of each module by its path, ``src/package/module.py``.

    A name that a package hands on counts for the module it comes from; the package's own line does not, and
    nor does a module that is found by its name at run time, which nothing imports.
    """
    modules = {_module_name(path): (path, ast.parse(text)) for path, text in files.items()}
    handed_on = {
        f"{name}.{alias.asname or alias.name}": f"{node.module}.{alias.name}"
        for name, (path, tree) in modules.items()
        if path.endswith("/__init__.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    importers: dict[str, set[str]] = {name: set() for name in modules}
    for name, (path, tree) in modules.items():
        if not path.endswith("/__init__.py"):
            for imported in _find_imported(tree, handed_on) & modules.keys() - {name}:
                importers[imported].add(name)
    return [
        f"{path}: {len(files[path].splitlines())} lines, imported by {next(iter(importers[name]))} alone"
        for name, (path, _) in modules.items()
        if len(files[path].splitlines()) < SHORT_FILE_LINES and len(importers[name]) == 1
        if not path.endswith("/__init__.py")
    ]


def _module_name(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _find_imported(tree: ast.Module, handed_on: Mapping[str, str]) -> set[str]:
    """Return every dotted name that a module imports, and the module that each comes from."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                while name in handed_on and handed_on[name] != name:
                    name = handed_on[name]  # noqa: PLW2901 - followed through packages to where it is defined
                found |= {name, name.rpartition(".")[0]}
    return found


def find_subjectless(paths: Iterable[str]) -> list[str]:
    """Return the modules and folders whose name has no subject."""
    return [path for path in paths if FORBIDDEN_WORDS & set(path.removesuffix(".py").replace("/", "_").split("_"))]
