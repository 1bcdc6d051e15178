"""The digest of a definition: a hash of what decides a feature's values, and of nothing else.

A function counts by its syntax tree, with everything it refers to: constants and default arguments by value, functions
and classes of its own top-level package in turn, other libraries by name. Comments, docstrings, annotations and
formatting do not count. The tree is written out field by field, since ``ast.dump`` differs between versions of Python.
"""

from __future__ import annotations

import ast
import enum
import functools
import hashlib
import importlib
import inspect
import logging
import re
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NoReturn
from uuid import UUID

from boathouse.errors import FeatureError
from boathouse.scoring.code_tree import (
    BUILTINS,
    MISSING,
    attribute_or_module,
    attributes_of,
    class_members,
    find_node,
    global_names,
    import_target,
    is_array,
    local_imports,
    look_up,
    name_of,
    package_of,
    title_of,
    write_tree,
)

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
        text = "".join([*writer.value(declared, "declaration"), *writer.value(compute, title_of(compute))])
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
        self._package = package_of(inspect.unwrap(function))
        self._owner = owner
        # Functions and classes by identity, in the order in which they were met: a second meeting writes the number.
        self._met: dict[int, int] = {}

    def value(self, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401, C901, PLR0911 - one line a kind
        """Give the text of any value; ``path`` is how it was reached, for messages."""
        if isinstance(value, enum.Enum):
            return self._parts("enum", [name_of(type(value)), value.name, value.value], path)
        if type(value) in _PLAIN or isinstance(value, _BY_REPR):
            return iter([f"{type(value).__name__}:{value!a};"])
        if is_array(value):
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
            yield from self._parts(f"wrapper:{name_of(type(value))}", [value.__wrapped__], path)
        elif isinstance(value, types.BuiltinMethodType) and not inspect.ismodule(value.__self__ or types):
            yield from self._parts(f"builtin:{value.__name__}", [value.__self__], path)
        elif callable(value) and isinstance(getattr(value, "__name__", None), str):
            yield f"named:{type(value).__name__} {name_of(value)};"
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
            yield f"named:{name_of(found)};"
            return
        if self._is_met(found):
            yield f"again:{self._met[id(found)]};"
            return
        yield f"class:{found.__name__}("
        yield from self._parts("bases", found.__bases__, path)
        for name, value in class_members(found):
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
        node = find_node(function)
        if node is None:
            self._refuse(function, path, "Define it in a file, one function a line, so that its code can be read.")
        yield f"function({write_tree(node)}"
        yield from self._parts("defaults", [function.__defaults__, function.__kwdefaults__], path)
        for name in sorted(global_names(node)):
            yield f"{name}="
            yield from self._used(function, node, name, path)
        for statement in local_imports(node):
            yield from self._imported(function, node, statement, path)
        yield ")"

    def _used(self, function: types.FunctionType, node: ast.AST, name: str, path: str) -> Iterator[str]:
        """Give the value of a name that ``function`` takes from around it."""
        value = look_up(function, name)
        where = f"{path} > {name}"
        if value is MISSING:
            self._refuse_name(name, path, "is not defined yet. Define it above the declaration")
        if name in _OPAQUE and value is getattr(BUILTINS, name):
            self._refuse_name(name, path, "reaches values that cannot be seen in the code. Name what is used")
        # By the name it is called by: its own module differs between versions of Python.
        if value is getattr(BUILTINS, name, None):
            yield f"builtin:{name};"
        else:
            yield from self._reached(value, node, name, where)

    def _reached(self, value: Any, node: ast.AST, name: str, where: str) -> Iterator[str]:  # noqa: ANN401
        """Give a value or, of a module of the package, the attributes by which ``node`` uses it."""
        if not (inspect.ismodule(value) and self._is_own(value.__name__)):
            yield from self.value(value, where)
            return
        attributes = attributes_of(node, name)
        if attributes is None:
            self._refuse(value, where, "Name what is used of it as attributes, as in module.NAME.")
        for attribute in sorted(attributes):
            yield f".{attribute}="
            inner: Any = value
            for step in attribute.split("."):
                if not inspect.ismodule(inner) or not self._is_own(inner.__name__):
                    break
                inner = getattr(inner, step, MISSING)
            if inner is MISSING:
                self._refuse_name(f"{name}.{attribute}", where, "is not defined yet. Define it above the declaration")
            yield from self.value(inner, f"{where}.{attribute}")

    def _imported(
        self, function: types.FunctionType, node: ast.AST, statement: ast.Import | ast.ImportFrom, path: str
    ) -> Iterator[str]:
        """Give what a statement within the function imports from the package; other imports stand in the tree."""
        for alias in statement.names:
            module, bound = import_target(function, statement, alias)
            if not self._is_own(module):
                continue
            where = f"{path} > {module}"
            try:
                value: Any = importlib.import_module(module)
                if isinstance(statement, ast.ImportFrom):
                    value = attribute_or_module(value, alias.name)
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
            f"{self._owner} uses {path}, a {name_of(type(value))}. What decides a feature's value is recorded in its "
            f"definition, and this has no value to record. {advice}"
        )

    def _refuse_name(self, name: str, path: str, problem: str) -> NoReturn:
        raise FeatureError(
            f"{self._owner}: {path} uses '{name}', which {problem}; its value is part of the definition."
        )
