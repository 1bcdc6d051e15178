"""The digest of a definition changes with what decides a value, and with nothing else."""

# ruff: noqa: E501, ISC004 - each case is a line or two of code as text

from __future__ import annotations

import importlib
import linecache
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from boathouse.errors import FeatureError
from boathouse.scoring import definition
from boathouse.scoring.definition import DIGEST_FORM, digest_definition, is_current_form

_ROOM = "definition_room"
_HEAD = """
import functools
import re
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum

import numpy as np

from definition_room import codes
from definition_room.codes import scale
import definition_room.codes as words
import definition_room
"""
_CODES = """
EDUCATION = {"school": 1.0, "university": 2.0}
FACTOR = 3


def scale(value):
    return value * FACTOR
"""


class Room:
    """A package of two modules, written anew for each state of its code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, body: str, codes: str = "") -> Any:
        """Return the package's module ``views`` with this body, and a module ``codes`` beside it."""
        package = self._folder / _ROOM
        shutil.rmtree(package, ignore_errors=True)
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("", encoding="utf-8")
        (package / "codes.py").write_text(codes or _CODES, encoding="utf-8")
        (package / "views.py").write_text(_HEAD + dedent(body), encoding="utf-8")
        for name in [name for name in sys.modules if name.partition(".")[0] == _ROOM]:
            del sys.modules[name]
        importlib.invalidate_caches()
        linecache.clearcache()
        return importlib.import_module(f"{_ROOM}.views")

    def digest(self, body: str, codes: str = "") -> str:
        """Return the digest of the function ``compute``."""
        return digest_definition((), self.load(body, codes).compute, owner="Feature view 'boats'")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a package that can be imported during the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Room(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == _ROOM]:
        del sys.modules[name]


PLAIN = "def compute(rows):\n    return rows * 2\n"
# What is written differently and decides the same.
EQUAL = {
    "comment": (PLAIN, "def compute(rows):\n    # Twice.\n    return rows * 2  # twice\n"),
    "docstring": (PLAIN, 'def compute(rows):\n    """Return twice."""\n    return rows * 2\n'),
    "lone text": (PLAIN, 'def compute(rows):\n    "one"\n    "two"\n    return rows * 2\n'),
    "formatting": (PLAIN, "def compute(\n    rows,\n):\n\n    return (\n        rows\n        * 2\n    )\n"),
    "annotations": (PLAIN, "def compute(rows: 'Missing') -> 'Absent':\n    return rows * 2\n"),
    "annotated local": (
        "def compute(rows):\n    each = 1\n    return each\n",
        "def compute(rows):\n    each: int = 1\n    return each\n",
    ),
    "own name": (PLAIN, "def other(rows):\n    return rows * 2\ncompute = other\n"),
    "number": ("def compute(rows):\n    return 1000\n", "def compute(rows):\n    return 1_000\n"),
    "quotes": ("def compute(rows):\n    return 'a' 'b'\n", 'def compute(rows):\n    return "ab"\n'),
    "set in another order": (
        "NAMES = {'a', 'b', 'c', 'd'}\ndef compute(rows):\n    return rows in NAMES\n",
        "NAMES = {'d', 'c', 'b', 'a'}\ndef compute(rows):\n    return rows in NAMES\n",
    ),
    "helper's docstring": (
        "def _help(x):\n    return x\ndef compute(rows):\n    return _help(rows)\n",
        "def _help(x):\n    '''Help.'''\n    return x\ndef compute(rows):\n    return _help(rows)\n",
    ),
    "unused constant": (PLAIN, f"OTHER = 4\n{PLAIN}"),
    "attribute named like a constant": (
        "mean = 1\ndef compute(rows):\n    return rows.mean()\n",
        "mean = 2\ndef compute(rows):\n    return rows.mean()\n",
    ),
    "local named like a constant": (
        "rate = 1\ndef compute(rows):\n    rate = rows\n    return rate\n",
        "rate = 2\ndef compute(rows):\n    rate = rows\n    return rate\n",
    ),
    "place in the file": (PLAIN, f"\n\n\n{PLAIN}"),
    "lambda's formatting": ("compute = lambda rows: rows + 1\n", "compute = (\n    lambda rows: rows  +  1\n)\n"),
    "order of a partial's keywords": (
        "def _f(rows, a, b):\n    return rows\ncompute = functools.partial(_f, a=1, b=2)\n",
        "def _f(rows, a, b):\n    return rows\ncompute = functools.partial(_f, b=2, a=1)\n",
    ),
    "helper that calls itself": (
        "def _go(x):\n    return x and _go(x - 1)\ndef compute(rows):\n    return _go(rows)\n",
        "def _go(x):\n    # Down.\n    return x and _go(x - 1)\ndef compute(rows):\n    return _go(rows)\n",
    ),
    "text of an error": (
        "class Bad(ValueError):\n    'One.'\ndef compute(rows):\n    raise Bad\n",
        "class Bad(ValueError):\n    'Two.'\n    def told(self):\n        return 1\ndef compute(rows):\n    raise Bad\n",
    ),
    "set of dataclasses": (
        "@dataclass(frozen=True)\nclass C:\n    n: int\nALL = {C(1), C(2)}\ndef compute(rows):\n    return ALL\n",
        "@dataclass(frozen=True)\nclass C:\n    n: int\nALL = {C(2), C(1)}\ndef compute(rows):\n    return ALL\n",
    ),
}


def _using(value: str, *, name: str = "CODES") -> str:
    return f"{name} = {value}\ndef compute(rows):\n    return {name}\n"


def _within(expression: str, value: int) -> str:
    return f"K = {value}\ndef compute(rows):\n    return {expression}\n"


# What looks alike and decides something else.
DIFFERENT = {
    "number": (_using("1"), _using("2")),
    "whole and real number": (_using("1"), _using("1.0")),
    "zero's sign": (_using("0.0"), _using("-0.0")),
    "truth and number": (_using("True"), _using("1")),
    "text": (_using("'a'"), _using("'b'")),
    "bytes and text": (_using("b'a'"), _using("'a'")),
    "tuple": (_using("(1, 2)"), _using("(2, 1)")),
    "tuple and list": (_using("(1, 2)"), _using("[1, 2]")),
    "list": (_using("[1, 2]"), _using("[2, 1]")),
    "set": (_using("{1, 2}"), _using("{1, 3}")),
    "dict's value": (_using("{'a': 1}"), _using("{'a': 2}")),
    "dict reversed": (_using("{'a': 1, 'b': 2}"), _using("{'b': 2, 'a': 1}")),
    "dict's codes exchanged": (_using("{'a': 1, 'b': 2}"), _using("{'a': 2, 'b': 1}")),
    "nested": (_using("{'a': [{'b': (1,)}]}"), _using("{'a': [{'b': (2,)}]}")),
    "texts joined": (_using("('a', 'b')"), _using("('ab',)")),
    "none": (_using("None"), _using("'None'")),
    "date": (_using("date(2005, 1, 1)"), _using("date(2005, 1, 2)")),
    "decimal": (_using("Decimal('1.0')"), _using("Decimal('1.00')")),
    "pattern": (_using("re.compile('a')"), _using("re.compile('a', re.I)")),
    "array": (_using("np.array([1, 2])"), _using("np.array([2, 1])")),
    "array's type": (_using("np.array([1, 2])"), _using("np.array([1.0, 2.0])")),
    "enum": (
        "class E(Enum):\n    A = 1\ndef compute(rows):\n    return E.A\n",
        "class E(Enum):\n    A = 2\ndef compute(rows):\n    return E.A\n",
    ),
    "dataclass": (
        "@dataclass(frozen=True)\nclass C:\n    n: int\nONE = C(1)\ndef compute(rows):\n    return ONE.n\n",
        "@dataclass(frozen=True)\nclass C:\n    n: int\nONE = C(2)\ndef compute(rows):\n    return ONE.n\n",
    ),
    "dataclass's method": (
        "@dataclass(frozen=True)\nclass C:\n    n: int\n    def get(self):\n        return self.n\n"
        "ONE = C(1)\ndef compute(rows):\n    return ONE.get()\n",
        "@dataclass(frozen=True)\nclass C:\n    n: int\n    def get(self):\n        return -self.n\n"
        "ONE = C(1)\ndef compute(rows):\n    return ONE.get()\n",
    ),
    "dataclass's default": (
        "@dataclass(frozen=True)\nclass C:\n    n: int = 1\ndef compute(rows):\n    return C().n\n",
        "@dataclass(frozen=True)\nclass C:\n    n: int = 2\ndef compute(rows):\n    return C().n\n",
    ),
    "dataclass's factory": (
        "@dataclass(frozen=True)\nclass C:\n    n: list = field(default_factory=list)\ndef compute(rows):\n    return C()\n",
        "@dataclass(frozen=True)\nclass C:\n    n: list = field(default_factory=dict)\ndef compute(rows):\n    return C()\n",
    ),
    "tuple with names": (
        "P = namedtuple('P', 'a b')\nONE = P(1, 2)\ndef compute(rows):\n    return ONE.a\n",
        "P = namedtuple('P', 'b a')\nONE = P(1, 2)\ndef compute(rows):\n    return ONE.a\n",
    ),
    "dict's default": (
        "from collections import defaultdict\nD = defaultdict(int, {'a': 1})\ndef compute(rows):\n    return D[rows]\n",
        "from collections import defaultdict\nD = defaultdict(float, {'a': 1})\ndef compute(rows):\n    return D[rows]\n",
    ),
    "operator": (PLAIN, "def compute(rows):\n    return rows + 2\n"),
    "constant in the code": (PLAIN, "def compute(rows):\n    return rows * 2.0\n"),
    "used in a lambda": (_within("(lambda x: x * K)(rows)", 1), _within("(lambda x: x * K)(rows)", 2)),
    "used in a comprehension": (_within("[x * K for x in rows]", 1), _within("[x * K for x in rows]", 2)),
    "used in a generator": (_within("sum(x * K for x in rows)", 1), _within("sum(x * K for x in rows)", 2)),
    "used in a formatted text": (_within("f'{rows:>{K}}'", 1), _within("f'{rows:>{K}}'", 2)),
    "used in a nested function": (
        "K = 1\ndef compute(rows):\n    def inner(x):\n        return x * K\n    return inner(rows)\n",
        "K = 2\ndef compute(rows):\n    def inner(x):\n        return x * K\n    return inner(rows)\n",
    ),
    "default of a nested function": (
        "K = 1\ndef compute(rows):\n    def inner(x=K):\n        return x\n    return inner()\n",
        "K = 2\ndef compute(rows):\n    def inner(x=K):\n        return x\n    return inner()\n",
    ),
    "used in a nested class": (
        "K = 1\ndef compute(rows):\n    class Inner:\n        k = K\n    return Inner.k\n",
        "K = 2\ndef compute(rows):\n    class Inner:\n        k = K\n    return Inner.k\n",
    ),
    "default argument": (
        "def compute(rows, k=1):\n    return rows * k\n",
        "def compute(rows, k=2):\n    return rows * k\n",
    ),
    "default argument by name": (
        "K = 1\ndef compute(rows, k=K):\n    return rows * k\n",
        "K = 2\ndef compute(rows, k=K):\n    return rows * k\n",
    ),
    "keyword's default": (
        "def compute(rows, *, k=1):\n    return rows * k\n",
        "def compute(rows, *, k=2):\n    return rows * k\n",
    ),
    "order of arguments": (
        "def compute(a, b):\n    return a - b\n",
        "def compute(b, a):\n    return a - b\n",
    ),
    "helper": (
        "def _help(x):\n    return x + 1\ndef compute(rows):\n    return _help(rows)\n",
        "def _help(x):\n    return x + 2\ndef compute(rows):\n    return _help(rows)\n",
    ),
    "helper of a helper": (
        "K = 1\ndef _a(x):\n    return x * K\ndef _b(x):\n    return _a(x)\ndef compute(rows):\n    return _b(rows)\n",
        "K = 2\ndef _a(x):\n    return x * K\ndef _b(x):\n    return _a(x)\ndef compute(rows):\n    return _b(rows)\n",
    ),
    "helpers that call each other": (
        "def _a(x):\n    return x and _b(x - 1)\ndef _b(x):\n    return _a(x)\ndef compute(rows):\n    return _a(rows)\n",
        "def _a(x):\n    return x and _b(x - 1)\ndef _b(x):\n    return _a(x) + 1\ndef compute(rows):\n    return _a(rows)\n",
    ),
    "which of two helpers": (
        "def _a(x):\n    return 1\ndef _b(x):\n    return 2\nPAIR = (_a, _b)\ndef compute(rows):\n    return PAIR[0](rows)\n",
        "def _a(x):\n    return 1\ndef _b(x):\n    return 2\nPAIR = (_b, _a)\ndef compute(rows):\n    return PAIR[0](rows)\n",
    ),
    "function in a dict": (
        "RULES = {'a': lambda x: x + 1}\ndef compute(rows):\n    return RULES['a'](rows)\n",
        "RULES = {'a': lambda x: x + 2}\ndef compute(rows):\n    return RULES['a'](rows)\n",
    ),
    "closure": (
        "def _make(k):\n    def compute(rows):\n        return rows * k\n    return compute\ncompute = _make(1)\n",
        "def _make(k):\n    def compute(rows):\n        return rows * k\n    return compute\ncompute = _make(2)\n",
    ),
    "closure of a closure": (
        "def _make(k):\n    def compute(rows):\n        return [x * k for x in rows]\n    return compute\ncompute = _make([1])\n",
        "def _make(k):\n    def compute(rows):\n        return [x * k for x in rows]\n    return compute\ncompute = _make([2])\n",
    ),
    "partial": (
        "def _f(rows, k):\n    return rows * k\ncompute = functools.partial(_f, k=1)\n",
        "def _f(rows, k):\n    return rows * k\ncompute = functools.partial(_f, k=2)\n",
    ),
    "partial's function": (
        "def _f(rows, k):\n    return rows * k\ncompute = functools.partial(_f, k=1)\n",
        "def _f(rows, k):\n    return rows + k\ncompute = functools.partial(_f, k=1)\n",
    ),
    "decorator's argument": (
        "def _times(k):\n    def wrap(f):\n        @functools.wraps(f)\n        def inner(x):\n            return f(x) * k\n"
        "        return inner\n    return wrap\n@_times(1)\ndef compute(rows):\n    return rows\n",
        "def _times(k):\n    def wrap(f):\n        @functools.wraps(f)\n        def inner(x):\n            return f(x) * k\n"
        "        return inner\n    return wrap\n@_times(2)\ndef compute(rows):\n    return rows\n",
    ),
    "decorated function": (
        "def _twice(f):\n    @functools.wraps(f)\n    def inner(x):\n        return f(f(x))\n    return inner\n"
        "@_twice\ndef compute(rows):\n    return rows + 1\n",
        "def _twice(f):\n    @functools.wraps(f)\n    def inner(x):\n        return f(f(x))\n    return inner\n"
        "@_twice\ndef compute(rows):\n    return rows + 2\n",
    ),
    "cached helper": (
        "@functools.lru_cache\ndef _help(x):\n    return x + 1\ndef compute(rows):\n    return _help(rows)\n",
        "@functools.lru_cache\ndef _help(x):\n    return x + 2\ndef compute(rows):\n    return _help(rows)\n",
    ),
    "library": (
        "import math as m\ndef compute(rows):\n    return m.exp(rows)\n",
        "import cmath as m\ndef compute(rows):\n    return m.exp(rows)\n",
    ),
    "library's function": (
        "from math import floor as cut\ndef compute(rows):\n    return cut(rows)\n",
        "from math import ceil as cut\ndef compute(rows):\n    return cut(rows)\n",
    ),
    "array function": (
        "from numpy import log as f\ndef compute(rows):\n    return f(rows)\n",
        "from numpy import exp as f\ndef compute(rows):\n    return f(rows)\n",
    ),
    "text of a format": ("def compute(rows):\n    return f'{rows}a'\n", "def compute(rows):\n    return f'a{rows}'\n"),
    "return nothing": ("def compute(rows):\n    return None\n", "def compute(rows):\n    return 0\n"),
}
_OTHER_CODES = _CODES.replace('{"school": 1.0, "university": 2.0}', '{"university": 2.0, "school": 1.0}')
_OTHER_FACTOR = _CODES.replace("FACTOR = 3", "FACTOR = 4")
# The same body with another module of codes beside it.
ELSEWHERE = {
    "attribute of a module": ("def compute(rows):\n    return codes.EDUCATION\n", _OTHER_CODES),
    "attribute by another name": ("def compute(rows):\n    return words.EDUCATION['school']\n", _OTHER_CODES),
    "attribute of the package": ("def compute(rows):\n    return definition_room.codes.EDUCATION\n", _OTHER_CODES),
    "attribute in a lambda": (
        "def compute(rows):\n    return (lambda x: codes.EDUCATION.get(x))(rows)\n",
        _OTHER_CODES,
    ),
    "constant of an imported helper": ("def compute(rows):\n    return scale(rows)\n", _OTHER_FACTOR),
    "constant of a module's helper": ("def compute(rows):\n    return codes.scale(rows)\n", _OTHER_FACTOR),
    "import within the function": (
        "def compute(rows):\n    from definition_room.codes import EDUCATION\n    return EDUCATION[rows]\n",
        _OTHER_CODES,
    ),
    "relative import within the function": (
        "def compute(rows):\n    from . import codes as c\n    return c.EDUCATION[rows]\n",
        _OTHER_CODES,
    ),
    "module imported within the function": (
        "def compute(rows):\n    import definition_room.codes\n    return definition_room.codes.EDUCATION[rows]\n",
        _OTHER_CODES,
    ),
}
REFUSED = {
    "object": ("class Box:\n    pass\nBOX = Box()\ndef compute(rows):\n    return BOX\n", "compute > BOX"),
    "deep in a constant": (
        "MAP = {'a': [object()]}\ndef compute(rows):\n    return MAP\n",
        r"compute > MAP\['a'\]\[0\]",
    ),
    "of a helper": (
        "X = object()\ndef _help(r):\n    return X\ndef compute(rows):\n    return _help(rows)\n",
        "compute > _help > X",
    ),
    "of a closure": (
        "def _make(k):\n    def compute(rows):\n        return k\n    return compute\ncompute = _make(object())\n",
        "compute > k",
    ),
    "default": ("def compute(rows, k=object()):\n    return k\n", "compute"),
    "dataclass that can change": (
        "@dataclass\nclass C:\n    n: int\nONE = C(1)\ndef compute(rows):\n    return ONE\n",
        "frozen=True",
    ),
    "generator": ("G = (x for x in 'ab')\ndef compute(rows):\n    return list(G)\n", "compute > G, a .*generator"),
    "not defined yet": ("def compute(rows):\n    return LATER\n", "'LATER', which is not defined yet"),
    "module handed on": ("def compute(rows):\n    return getattr(codes, rows)\n", "compute > codes"),
    "names of the module": ("def compute(rows):\n    return globals()[rows]\n", "'globals', which reaches values"),
    "code as text": ("def compute(rows):\n    return eval('rows')\n", "'eval', which reaches values"),
    "two lambdas alike": (
        "PAIR = (lambda x: x, lambda x: -x)\ndef compute(rows):\n    return PAIR\n",
        "one function a line",
    ),
    "code without source": ("exec('def compute(rows):\\n    return 1')\n", "its code can be read"),
    "itself": ("LOOP = []\nLOOP.append(LOOP)\ndef compute(rows):\n    return LOOP\n", "contains itself"),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_what_is_only_written_differently_is_no_change(room: Room, one: str, other: str) -> None:
    assert room.digest(one) == room.digest(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_decides_a_value_is_a_change(room: Room, one: str, other: str) -> None:
    assert room.digest(one) != room.digest(other)
    assert room.digest(one) == room.digest(one)


@pytest.mark.parametrize(("body", "codes"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_other_modules_of_the_package_count_by_value(room: Room, body: str, codes: str) -> None:
    assert room.digest(body) != room.digest(body, codes)
    assert room.digest(body) == room.digest(body, f"UNUSED = 1\n{_CODES}")


@pytest.mark.parametrize(("body", "named"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_value_to_record_is_refused_by_name(room: Room, body: str, named: str) -> None:
    with pytest.raises(FeatureError, match=named) as caught:
        room.digest(body)
    assert "Feature view 'boats'" in str(caught.value)


def test_the_digest_says_its_form(room: Room) -> None:
    digest = room.digest(PLAIN)
    assert is_current_form(digest)
    assert len(digest.removeprefix(DIGEST_FORM)) == 16
    assert not is_current_form(digest.removeprefix(DIGEST_FORM))


# One function with everything that versions of Python write differently into their trees; verified with 3.11 and 3.12.
EVERYTHING = """
import functools

CODES = {"b": 2, "a": (1, 2.5, "\u00e9\U0001fae8")}
STEPS = frozenset({"x", "y"})


def _help(value, *, by=3):
    return value * by


def compute(rows, k=0.1, *rest, **named):
    def inner(x, y=CODES):
        nonlocal k
        k = f"{x!r:>{k}}{{}}" f"{y=}" "tail"
        return [a for a in x if (b := a)] + [*{c: d for c, d in y.items()}]

    try:
        with open(rows) as file, file:
            async def later():
                return [each async for each in rows]
    except* (ValueError, TypeError):
        given = lambda z=1: _help(z, by=STEPS)
    match rows:
        case {"a": [1, *others], **more} | (others, more):
            return functools.partial(inner, rows[1:2, ...])
        case str() as text if text:
            return -1j
    return rows if k is None else (yield rows)
"""
EVERYTHING_DIGEST = "d2-4b1acc7fd8b152be"
# Runs without the packages of this project's environment, which another version of Python does not have.
_SCRIPT = """
import importlib.util, pathlib, sys

def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

load("boathouse.scoring.code_tree", pathlib.Path(sys.argv[1]).with_name("code_tree.py"))
definition = load("definition", sys.argv[1])
module = load("everything", sys.argv[2])
print(definition.digest_definition((), module.compute, owner="test"))
"""


def _find_pythons() -> list[str]:
    """Return the interpreters of supported versions on this machine, this one first."""
    names = ("3.11", "3.12")
    found = [sys.executable, *filter(None, (shutil.which(f"python{name}") for name in names))]
    return [*found, *(str(each) for name in names for each in Path.home().glob(f".pyenv/versions/{name}.*/bin/python"))]


def test_every_version_of_python_gives_the_same_digest(tmp_path: Path) -> None:
    source = tmp_path / "everything.py"
    source.write_text(EVERYTHING, encoding="utf-8")
    module = Path(definition.__file__)
    environment = {"PYTHONPATH": str(module.parents[2]), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    given = []
    for python in _find_pythons():
        command = [python, "-c", _SCRIPT, str(module), str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        # A name on PATH may stand for a version that is not installed.
        given += [done.stdout.strip()] if done.returncode == 0 or python == sys.executable else []
        assert "Error" not in done.stderr, done.stderr
    assert set(given) == {EVERYTHING_DIGEST}
