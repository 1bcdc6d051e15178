"""The digest of a definition: a hash of what decides a feature's values, and of nothing else.

A function counts by its syntax tree, with everything it refers to: constants and default arguments by value, functions
and classes of its own top-level package in turn, other libraries by name. Comments, docstrings, annotations and
formatting do not count. The tree is written out field by field, since ``ast.dump`` differs between versions of Python.
"""

from __future__ import annotations

import ast
import copy
import enum
import functools
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import logging
import re
import symtable
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NoReturn
from uuid import UUID

from boathouse.core.errors import FeatureError

# Prefix of every digest. Digests without it were made from the text of the source and cannot be compared with these.
DIGEST_FORM = "d2-"
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
_BY_REPR = (date, time, timedelta, tzinfo, Decimal, Fraction, PurePath, UUID, range, slice)
_TYPE_FORMS = (types.GenericAlias, types.UnionType)
_CONTAINERS = (tuple, list, dict, set, frozenset, types.MappingProxyType)
# Other values that are what they consist of.
_PARTS: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (re.Pattern, lambda value: [value.pattern, value.flags]),
    (functools.partial, lambda value: [value.func, value.args, sorted(value.keywords.items())]),
    (types.MethodType, lambda value: [value.__func__, value.__self__]),
    (property, lambda value: [value.fget]),
    (staticmethod, lambda value: [value.__func__]),
    (classmethod, lambda value: [value.__func__]),
    (functools.cached_property, lambda value: [value.func]),
    (logging.Logger, lambda _: []),
)
# What reaches values that no analysis of the code can see.
_OPAQUE = ("eval", "exec", "globals", "locals", "vars", "__import__")
# Fields of the tree that decide no value, or that only some versions of Python have.
_DROPPED = ("ctx", "kind", "type_comment", "type_params", "annotation", "returns")
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def digest_definition(declared: object, compute: Callable[..., object], *, owner: str) -> str:
    """Return the digest of a declaration and the function that computes it: the prefix and 16 hexadecimal digits.

    Args:
        declared: What else decides the values: plain values, tuples, dicts or frozen dataclasses.
        compute: The function; its own name does not count.
        owner: Whose definition it is, for messages.

    Raises:
        FeatureError: If the function uses something that has no value to hash; the message names it.
    """
    writer = _Writer(compute, owner)
    try:
        text = "".join([*writer.value(declared, "declaration"), *writer.value(compute, _title(compute))])
    except RecursionError as error:
        raise FeatureError(f"{owner} uses a value that contains itself. Take it apart.") from error
    return DIGEST_FORM + hashlib.sha256(text.encode()).hexdigest()[:16]


def is_current_form(digest: str) -> bool:
    """Return whether a digest can be compared with those of this version of Boathouse."""
    return digest.startswith(DIGEST_FORM)


class _Writer:
    """Writes values as text, so that equal texts mean equal definitions."""

    def __init__(self, compute: Callable[..., object], owner: str) -> None:
        function = compute
        while isinstance(function, functools.partial):
            function = function.func
        self._package = _package_of(inspect.unwrap(function))
        self._owner = owner
        # Functions and classes by identity, in the order in which they were met: a second meeting writes the number.
        self._met: dict[int, int] = {}

    def value(self, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401, C901, PLR0911 - one line a kind
        """Give the text of any value; ``path`` says in messages how it was reached."""
        if isinstance(value, enum.Enum):
            return self._parts("enum", [_name(type(value)), value.name, value.value], path)
        if type(value) in _PLAIN or isinstance(value, _BY_REPR):
            return iter([f"{type(value).__name__}:{value!a};"])
        if _is_array(value):
            return self._array(value, path)
        if isinstance(value, tuple | list | dict | set | frozenset | types.MappingProxyType):
            return self._container(value, path)
        if inspect.isfunction(value):
            return self._function(value, path)
        if isinstance(value, _TYPE_FORMS) or type(value).__module__ == "typing":
            return iter([f"type:{value!a};"])
        if inspect.isclass(value):
            return self._class(value, path)
        if inspect.ismodule(value):
            return self._module(value, path)
        if is_dataclass(value):
            return self._dataclass(value, path)
        for kind, parts in _PARTS:
            if isinstance(value, kind):
                return self._parts(kind.__name__, parts(value), path)
        return self._callable(value, path)

    def _parts(self, kind: str, parts: Iterable[Any], path: str) -> Iterator[str]:
        yield f"{kind}("
        for place, part in enumerate(parts):
            yield from self.value(part, f"{path}[{place}]")
        yield ")"

    def _container(self, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
        if type(value) not in _CONTAINERS:
            yield from self.value(type(value), f"{path}: {type(value).__name__}")
            yield from self.value(getattr(value, "default_factory", None), f"{path}.default_factory")
        if isinstance(value, set | frozenset):
            yield from ["set(", *sorted(self._members(value, path)), ")"]
        elif isinstance(value, tuple | list):
            yield from self._parts("tuple" if isinstance(value, tuple) else "list", value, path)
        else:
            yield "dict("
            for key, each in value.items():
                yield from self.value(key, f"{path} key")
                yield from self.value(each, f"{path}[{key!r}]" if isinstance(key, str | int) else f"{path}[...]")
            yield ")"

    def _members(self, value: Iterable[Any], path: str) -> Iterator[str]:
        """Give the text of each member as if it came first, since a set has no order."""
        met = dict(self._met)
        for each in value:
            yield "".join(self.value(each, path))
            self._met = dict(met)

    def _array(self, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - an array or number of numpy
        yield f"array:{value.dtype.str}{value.shape};"
        yield from self.value(value.tolist() if value.dtype.hasobject else value.tobytes(), path)

    def _dataclass(self, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
        if not type(value).__dataclass_params__.frozen:
            self._refuse(value, path, "Freeze the dataclass: @dataclass(frozen=True).")
        yield from self.value(type(value), f"{path}: {type(value).__name__}")
        for field in fields(value):
            yield f"{field.name}="
            yield from self.value(getattr(value, field.name), f"{path}.{field.name}")

    def _callable(self, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
        """Give what is called by name: a built-in function, a ufunc, or what wraps a function of the package."""
        if hasattr(value, "__wrapped__"):
            yield from self._parts(f"wrapper:{_name(type(value))}", [value.__wrapped__], path)
        elif isinstance(value, types.BuiltinMethodType) and not inspect.ismodule(value.__self__ or types):
            yield from self._parts(f"builtin:{value.__name__}", [value.__self__], path)
        elif callable(value) and isinstance(getattr(value, "__name__", None), str):
            yield f"named:{type(value).__name__} {_name(value)};"
        else:
            self._refuse(value, path)

    def _module(self, module: types.ModuleType, path: str) -> Iterator[str]:
        """Give a library's name; a module of the package is written attribute by attribute where it is used."""
        if self._is_own(module.__name__):
            self._refuse(module, path, "Import the names that are used, or name them as attributes of the module.")
        yield f"module:{module.__name__};"

    def _class(self, found: type, path: str) -> Iterator[str]:
        # An error ends the computation: it decides no value.
        if not self._is_own(found.__module__) or issubclass(found, BaseException):
            yield f"named:{_name(found)};"
            return
        if self._is_met(found):
            yield f"again:{self._met[id(found)]};"
            return
        yield f"class:{found.__name__}("
        yield from self._parts("bases", found.__bases__, path)
        for name, value in _class_members(found):
            yield f"{name}="
            yield from self.value(value, f"{path}.{name}")
        yield ")"

    def _function(self, function: types.FunctionType, path: str) -> Iterator[str]:
        if not self._is_own(function.__globals__.get("__name__")):
            wrapped = getattr(function, "__wrapped__", None)
            name = f"{function.__globals__.get('__name__')}.{function.__code__.co_qualname}"
            yield from self._parts(f"named:{name}", [] if wrapped is None else [wrapped], path)
            return
        if self._is_met(function):
            yield f"again:{self._met[id(function)]};"
            return
        node = _find_node(function)
        if node is None:
            self._refuse(function, path, "Define it in a file, one function a line, so that its code can be read.")
        yield f"function({_write_tree(node)}"
        yield from self._parts("defaults", [function.__defaults__, function.__kwdefaults__], path)
        for name in sorted(_global_names(node)):
            yield f"{name}="
            yield from self._used(function, node, name, path)
        for statement in _local_imports(node):
            yield from self._imported(function, node, statement, path)
        yield ")"

    def _used(self, function: types.FunctionType, node: ast.AST, name: str, path: str) -> Iterator[str]:
        """Give the value of a name that ``function`` takes from around it."""
        value = _look_up(function, name)
        where = f"{path} > {name}"
        if value is _MISSING:
            self._refuse_name(name, path, "is not defined yet. Define it above the declaration")
        if name in _OPAQUE and value is getattr(_BUILTINS, name):
            self._refuse_name(name, path, "reaches values that cannot be seen in the code. Name what is used")
        # By the name it is called by: its own module differs between versions of Python.
        if value is getattr(_BUILTINS, name, None):
            yield f"builtin:{name};"
        else:
            yield from self._reached(value, node, name, where)

    def _reached(self, value: Any, node: ast.AST, name: str, where: str) -> Iterator[str]:  # noqa: ANN401
        """Give a value or, of a module of the package, the attributes by which ``node`` uses it."""
        if not (inspect.ismodule(value) and self._is_own(value.__name__)):
            yield from self.value(value, where)
            return
        attributes = _attributes_of(node, name)
        if attributes is None:
            self._refuse(value, where, "Name what is used of it as attributes, as in module.NAME.")
        for attribute in sorted(attributes):
            yield f".{attribute}="
            inner: Any = value
            for step in attribute.split("."):
                if not inspect.ismodule(inner) or not self._is_own(inner.__name__):
                    break
                inner = getattr(inner, step, _MISSING)
            if inner is _MISSING:
                self._refuse_name(f"{name}.{attribute}", where, "is not defined yet. Define it above the declaration")
            yield from self.value(inner, f"{where}.{attribute}")

    def _imported(
        self, function: types.FunctionType, node: ast.AST, statement: ast.Import | ast.ImportFrom, path: str
    ) -> Iterator[str]:
        """Give what a statement within the function imports from the package; other imports stand in the tree."""
        for alias in statement.names:
            module, bound = _import_target(function, statement, alias)
            if not self._is_own(module):
                continue
            where = f"{path} > {module}"
            try:
                value: Any = importlib.import_module(module)
                if isinstance(statement, ast.ImportFrom):
                    value = _attribute_or_module(value, alias.name)
            except (ImportError, AttributeError):
                self._refuse_name(f"{module}.{alias.name}", where, "cannot be imported. Import it above the function")
            if isinstance(statement, ast.Import) and alias.asname is None:
                value = importlib.import_module(bound)
            yield f"{bound}="
            yield from self._reached(value, node, bound, where)

    def _is_own(self, module: str | None) -> bool:
        return module is not None and module.partition(".")[0] == self._package

    def _is_met(self, value: object) -> bool:
        if id(value) in self._met:
            return True
        self._met[id(value)] = len(self._met)
        return False

    def _refuse(self, value: object, path: str, advice: str = "") -> NoReturn:
        advice = advice or (
            "Give it as a number, text, tuple, list, dict, set or frozen dataclass, or make it inside the function."
        )
        raise FeatureError(
            f"{self._owner} uses {path}, a {_name(type(value))}. What decides a feature's value is recorded in its "
            f"definition, and this has no value to record. {advice}"
        )

    def _refuse_name(self, name: str, path: str, problem: str) -> NoReturn:
        raise FeatureError(
            f"{self._owner}: {path} uses '{name}', which {problem}; its value is part of the definition."
        )


_MISSING = object()
_BUILTINS = importlib.import_module("builtins")


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic | numpy.ndarray)


def _package_of(function: object) -> str:
    return str(getattr(function, "__module__", None) or "").partition(".")[0]


def _title(compute: object) -> str:
    return str(getattr(compute, "__name__", type(compute).__name__))


def _name(found: Any) -> str:  # noqa: ANN401 - whatever has a name
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '') or found.__name__}"


def _look_up(function: types.FunctionType, name: str) -> Any:  # noqa: ANN401
    """Return what ``name`` means in ``function``: of its closure, its module, or built in."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    if name in cells:
        try:
            return cells[name].cell_contents
        except ValueError:
            return _MISSING
    return function.__globals__.get(name, getattr(_BUILTINS, name, _MISSING))


def _attribute_or_module(module: types.ModuleType, name: str) -> Any:  # noqa: ANN401
    return getattr(module, name) if hasattr(module, name) else importlib.import_module(f"{module.__name__}.{name}")


def _class_members(found: type) -> Iterator[tuple[str, Any]]:
    """Give what the class itself says, by name, without what Python, ``dataclass`` or ``enum`` made of it."""
    is_enum, is_named_tuple = issubclass(found, enum.Enum), issubclass(found, tuple) and hasattr(found, "_fields")
    if is_enum:
        yield "members", [(name, member.value) for name, member in vars(found)["_member_map_"].items()]
    if is_named_tuple:
        yield "fields", (found._fields, found._field_defaults)  # type: ignore[attr-defined]
    if is_dataclass(found):
        for field in fields(found):
            yield f"field {field.name}", None if field.default_factory is MISSING else field.default_factory
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


@functools.lru_cache(maxsize=64)
def _functions_in(text: str) -> tuple[_Function, ...]:
    return tuple(node for node in ast.walk(ast.parse(text)) if isinstance(node, _Function))


def _find_node(function: types.FunctionType) -> _Function | None:
    """Return the function's tree without docstrings and annotations, or None if it cannot be found or told apart."""
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
            found[_write_tree(bare)] = bare
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


def _write_tree(node: Any) -> str:  # noqa: ANN401 - nodes, lists and values of the tree
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


def _global_names(node: _Function) -> set[str]:
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


def _attributes_of(node: ast.AST, name: str) -> set[str] | None:
    """Return the dotted attributes by which ``node`` uses a module; None if it hands the module itself on."""
    attributes = [each for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    inner = {id(each.value) for each in attributes}
    used = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == name]
    if any(id(each) not in inner for each in used):
        return None
    chains = {ast.unparse(each) for each in attributes if id(each) not in inner}
    return {chain.partition(".")[2] for chain in chains if re.fullmatch(rf"{name}(\.\w+)+", chain)}


def _local_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom))


def _import_target(
    function: types.FunctionType, statement: ast.Import | ast.ImportFrom, alias: ast.alias
) -> tuple[str, str]:
    """Return the module that is imported and the name that it, or what is taken from it, is bound to."""
    if isinstance(statement, ast.Import):
        return alias.name, alias.asname or alias.name.partition(".")[0]
    package = str(function.__globals__.get("__package__") or "")
    module = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package or None)
    return module, alias.asname or alias.name
