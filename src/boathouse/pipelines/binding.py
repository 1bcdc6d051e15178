"""Functions of many use cases as the nodes of one."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def bind(function: Callable[..., Any], **values: object) -> Callable[..., Any]:
    """Return ``function`` with the keyword arguments ``values`` given.

    Name, docstring, and the annotations and signature of the other arguments stay: Kedro makes options of parameters
    by them. ``functools.partial`` keeps none of these.

    Args:
        function: Takes ``values`` as keyword-only arguments.
        values: What it is bound to.
    """
    signature = inspect.signature(function)

    def call(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs, **values)

    def give(*args: object, **kwargs: object) -> Iterator[object]:
        yield from function(*args, **kwargs, **values)

    # Kedro saves what a node gives piece by piece if the node is a generator function itself.
    bound: Any = functools.wraps(function)(give if inspect.isgeneratorfunction(function) else call)
    rest = [each for name, each in signature.parameters.items() if name not in values]
    bound.__signature__ = signature.replace(parameters=rest)
    bound.__annotations__ = {name: kind for name, kind in function.__annotations__.items() if name not in values}
    return bound  # type: ignore[no-any-return]
