"""The syntax tree of a function or class, found and written as text, and what its names refer to.

The text is the same in every supported version of Python; ``ast.dump`` differs between them.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import enum
import functools
import importlib
import importlib.util
import inspect
import linecache
import re
import symtable
import sys
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

# Fields of the tree that decide no value, or that only some versions of Python have.
_DROPPED = ("ctx", "kind", "type_comment", "type_params", "annotation", "returns")
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@functools.lru_cache(maxsize=64)
def _functions_in(text: str) -> tuple[_Function, ...]:
    return tuple(node for node in ast.walk(ast.parse(text)) if isinstance(node, _Function))


def find_node(function: types.FunctionType) -> _Function | None:
    """Return the function's tree without docstrings and annotations, or None if it cannot be found or is ambiguous."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    try:
        nodes = _functions_in("".join(linecache.getlines(code.co_filename, function.__globals__)))
    except SyntaxError:
        return None
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found: dict[str, _Function] = {}
    for node in nodes:
        own = tuple(each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        if (_first_line(node), name, own) == (code.co_firstlineno, code.co_name, arguments):
            bare = _Bare().visit(copy.deepcopy(node))
            found[write_tree(bare)] = bare
    return next(iter(found.values())) if len(found) == 1 else None


def _first_line(node: _Function) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


class _Bare(ast.NodeTransformer):
    """Takes away what decides no value: docstrings and other lone constants, annotations."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """A lone constant does nothing; ``pass`` keeps the block."""
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """An argument without its annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function without the annotation of its result."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """The same."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """An assignment without its annotation."""
        if node.value is None:
            return ast.Pass()
        plain = ast.Assign(targets=[node.target], value=node.value)
        return self.generic_visit(ast.copy_location(plain, node))


def write_tree(node: Any) -> str:  # noqa: ANN401 - nodes, lists and values of the tree
    """Return a tree as text that is the same in every version of Python, without the function's own name."""
    return "".join(_tree_parts(node, is_root=True))


def _tree_parts(node: Any, *, is_root: bool = False) -> Iterator[str]:  # noqa: ANN401
    if isinstance(node, ast.Constant):
        yield f"{type(node.value).__name__}:{node.value!a};"
    elif isinstance(node, ast.JoinedStr):
        yield "JoinedStr("
        yield from _text_parts(node)
        yield ")"
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if name in _DROPPED or value is None or value == [] or (is_root and name == "name"):
                continue
            yield f"{name}="
            if is_root and name == "args":
                yield from _argument_parts(value)
            else:
                yield from _tree_parts(_without_pass(value) if name == "body" else value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for each in node:
            yield from _tree_parts(each)
        yield "]"
    else:
        yield f"{node!a};"


def _argument_parts(arguments: ast.arguments) -> Iterator[str]:
    """Give the arguments of the function itself without defaults, which count by value."""
    bare = copy.copy(arguments)
    bare.defaults, bare.kw_defaults = [], []
    yield from _tree_parts(bare)


def _without_pass(body: Any) -> Any:  # noqa: ANN401 - a block, or the expression of a lambda
    return [each for each in body if not isinstance(each, ast.Pass)] if isinstance(body, list) else body


def _text_parts(text: ast.JoinedStr) -> Iterator[str]:
    """Give a formatted text with neighbouring constants joined: versions of Python split them differently."""
    constant = ""
    for each in text.values:
        if isinstance(each, ast.Constant):
            constant += str(each.value)
            continue
        yield f"str:{constant!a};"
        constant = ""
        yield from _tree_parts(each)
    yield f"str:{constant!a};"


def global_names(node: _Function) -> set[str]:
    """Return the names that the function, and what is defined in it, take from around it."""
    bare = copy.deepcopy(node)
    bare.args.defaults = [ast.Constant(None) for _ in bare.args.defaults]
    bare.args.kw_defaults = [default and ast.Constant(None) for default in bare.args.kw_defaults]
    statement = ast.Expr(bare) if isinstance(bare, ast.Lambda) else bare
    text = ast.unparse(ast.fix_missing_locations(ast.Module(body=[statement], type_ignores=[])))
    return set(_names_in(symtable.symtable(text, "<definition>", "exec")))


def _names_in(table: symtable.SymbolTable) -> Iterator[str]:
    is_top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (not symbol.is_assigned() if is_top else symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _names_in(child)


def attributes_of(node: ast.AST, name: str) -> set[str] | None:
    """Return the dotted attributes by which ``node`` uses a module; None if it hands the module itself on."""
    attributes = [each for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    inner = {id(each.value) for each in attributes}
    used = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == name]
    if any(id(each) not in inner for each in used):
        return None
    chains = {ast.unparse(each) for each in attributes if id(each) not in inner}
    return {chain.partition(".")[2] for chain in chains if re.fullmatch(rf"{name}(\.\w+)+", chain)}


def local_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give the imports within ``node``."""
    return (each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom))


def import_target(
    function: types.FunctionType, statement: ast.Import | ast.ImportFrom, alias: ast.alias
) -> tuple[str, str]:
    """Return the module that is imported and the name that it, or what is taken from it, is bound to."""
    if isinstance(statement, ast.Import):
        return alias.name, alias.asname or alias.name.partition(".")[0]
    package = str(function.__globals__.get("__package__") or "")
    module = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package or None)
    return module, alias.asname or alias.name


MISSING = object()
BUILTINS = importlib.import_module("builtins")


def is_array(value: object) -> bool:
    """Return whether ``value`` is an array or a number of numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic | numpy.ndarray)


def package_of(function: object) -> str:
    """Return the top-level package that ``function`` is defined in."""
    return str(getattr(function, "__module__", None) or "").partition(".")[0]


def title_of(compute: object) -> str:
    """Return how messages name ``compute``."""
    return str(getattr(compute, "__name__", type(compute).__name__))


def name_of(found: Any) -> str:  # noqa: ANN401 - whatever has a name
    """Return module and qualified name of a class, function or other named thing."""
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '') or found.__name__}"


def look_up(function: types.FunctionType, name: str) -> Any:  # noqa: ANN401
    """Return what ``name`` means in ``function``: of its closure, its module, or built in."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    if name in cells:
        try:
            return cells[name].cell_contents
        except ValueError:
            return MISSING
    return function.__globals__.get(name, getattr(BUILTINS, name, MISSING))


def attribute_or_module(module: types.ModuleType, name: str) -> Any:  # noqa: ANN401
    """Return what ``from module import name`` gives."""
    return getattr(module, name) if hasattr(module, name) else importlib.import_module(f"{module.__name__}.{name}")


def class_members(found: type) -> Iterator[tuple[str, Any]]:
    """Give the members that the class itself defines, by name, without those that Python generated."""
    is_enum, is_named_tuple = issubclass(found, enum.Enum), issubclass(found, tuple) and hasattr(found, "_fields")
    if is_enum:
        yield "members", [(name, member.value) for name, member in vars(found)["_member_map_"].items()]
    if is_named_tuple:
        yield "fields", (found._fields, found._field_defaults)  # type: ignore[attr-defined]
    if is_dataclass(found):
        for field in fields(found):
            yield f"field {field.name}", None if field.default_factory is dataclasses.MISSING else field.default_factory
    source = inspect.getfile(found) if found.__module__ != "__main__" else ""
    for name, value in sorted(vars(found).items()):
        inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or getattr(value, "func", value)
        if inspect.isfunction(inner):
            if not inner.__code__.co_filename.startswith("<string>") and source in ("", inner.__code__.co_filename):
                yield name, value
        elif not (is_enum or is_named_tuple or _is_generated(name, value)):
            yield name, value


def _is_generated(name: str, value: object) -> bool:
    is_dunder = name.startswith("__") and name.endswith("__")
    return (
        is_dunder or name == "_abc_impl" or isinstance(value, types.GetSetDescriptorType | types.MemberDescriptorType)
    )
