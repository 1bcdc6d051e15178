"""References in the documents of a bundle: ``${var.x}``, ``${workspace.x}``, ``${bundle.x}``, ``${resources.x.y.z}``.

What stands in double braces, ``{{job.parameters.x}}``, is filled in by the platform at run time and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from boathouse.errors import BundleError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*)\}")
_STEP = re.compile(r"[\w-]+")

Where = tuple[str, ...]


def find_references(value: object, where: Where = ()) -> Iterator[tuple[str, Where]]:
    """Give each reference in ``value``, without ``${`` and ``}``, and the key path where it stands."""
    for path, text in walk_texts(value, where):
        yield from ((name, path) for name in _REFERENCE.findall(text))


def walk_texts(value: object, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """Give each text in ``value`` with its key path; positions of lists are ``[0]``, ``[1]``, …."""
    for path, each in walk(value, where):
        if isinstance(each, str):
            yield path, each


def walk(value: object, where: Where = ()) -> Iterator[tuple[Where, object]]:
    """Give ``value`` and all that is in it, with key paths."""
    yield where, value
    if isinstance(value, dict):
        for key, each in value.items():
            yield from walk(each, (*where, str(key)))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from walk(each, (*where, f"[{place}]"))


def write_path(where: Where) -> str:
    """Return a key path as it is written: ``resources.jobs.training.tasks[1].task_key``."""
    return ".".join(where).replace(".[", "[")


def split_reference(name: str) -> list[str]:
    """Return the steps of a reference: ``var.x[0]`` is ``var``, ``x``, ``0``."""
    return _STEP.findall(name)


def fill(value: Any, look_up: Callable[[str, Where], Any], where: Where = ()) -> Any:  # noqa: ANN401 - a YAML document
    """Return ``value`` with every reference replaced by what ``look_up`` returns for its name and key path.

    A text that is one reference becomes the value itself, whatever its type; within a longer text it is written out.

    Raises:
        BundleError: As ``look_up`` does; also for a mapping or list within a longer text.
    """
    if isinstance(value, dict):
        return {key: fill(each, look_up, (*where, str(key))) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, look_up, (*where, f"[{place}]")) for place, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return look_up(whole[1], where)
    return _REFERENCE.sub(lambda found: _write(look_up(found[1], where), found[0], where), value)


def _write(value: object, reference: str, where: Where) -> str:
    if isinstance(value, dict | list):
        raise BundleError(
            f"{write_path(where)}: {reference} is a {'mapping' if isinstance(value, dict) else 'list'}; expected a "
            "value that can stand within a text. Use it as the whole value."
        )
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def descend(root: object, steps: list[str]) -> object:
    """Return what is below ``root`` at ``steps``.

    Raises:
        KeyError: If there is no such key or position.
    """
    found = root
    for step in steps:
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise KeyError(step)
    return found
