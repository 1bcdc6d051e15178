"""Functions of many use cases as the nodes of one."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def bind(function: Callable[..., Any], **values: object) -> Callable[..., Any]:
    """Return ``function`` with the keyword arguments ``values`` given.

    Name, docstring, and the annotations and signature of the other arguments stay: Kedro makes options of parameters
    by them. ``functools.partial`` keeps none of these.

    Args:
        function: Takes ``values`` as keyword-only arguments.
        values: What it is bound to.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def bound(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs, **values)

    rest = [each for name, each in signature.parameters.items() if name not in values]
    bound.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined] # read by inspect
    bound.__annotations__ = {name: kind for name, kind in function.__annotations__.items() if name not in values}
    return bound
