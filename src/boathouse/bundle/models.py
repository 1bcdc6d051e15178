"""Resources against the platform's own typed models: fields, required fields, types and allowed values."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from boathouse.bundle.problems import Problem, TargetView
from boathouse.errors import BundleError


def find_model_problems(view: TargetView) -> Iterator[Problem]:
    """Give what the typed models refuse in each resource, and kinds of resource that there are not."""
    known = list_kinds()
    for kind, entries in view.filled.items():
        if kind not in known:
            yield view.problem(
                ("resources", kind), f"'{kind}' is no kind of resource", f"one of: {', '.join(known)}", "Correct it."
            )
            continue
        for key, resource in entries.items():
            try:
                load_model(kind).from_dict(resource)
            except (TypeError, ValueError, AttributeError) as error:
                yield view.problem(
                    ("resources", kind, key),
                    " ".join(str(error).split()),
                    "the fields and values of the platform",
                    "Correct the field; the platform's reference of bundle resources lists them.",
                )


@cache
def list_kinds() -> tuple[str, ...]:
    """Return the kinds of resource that the platform's models know, sorted."""
    package = _import("databricks.bundles")
    return tuple(
        sorted(each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg and each.name != "core")
    )


@cache
def load_model(kind: str) -> Any:  # noqa: ANN401 - the class of the kind
    """Return the typed model of a kind, such as ``Job`` for ``jobs``."""
    base = _import("databricks.bundles.core").Resource
    module = _import(f"databricks.bundles.{kind}")
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, base)]
    return found[0]


def _import(name: str) -> ModuleType:
    try:
        import databricks.bundles.core  # noqa: F401 - installed or not
    except ImportError as error:
        raise BundleError(
            "The bundle is checked against the platform's typed models, and databricks-bundles is not installed. "
            "Install it: pip install 'boathouse[dev]'."
        ) from error
    return import_module(name)
