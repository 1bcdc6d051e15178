"""The catalog of a run, and nodes that pass on that there is no champion instead of running."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node

from boathouse.lifecycle.vacancy import NoChampion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RunCatalog(DataCatalog):
    """Kedro's catalog; what was not made for lack of a champion is passed on in memory and stored nowhere."""

    def save(self, ds_name: str, data: Any) -> None:  # noqa: ANN401
        """Save ``data``; :class:`NoChampion` leaves a table or a report as it is."""
        if isinstance(data, NoChampion) and not isinstance(self[ds_name], MemoryDataset):
            return
        super().save(ds_name, data)


def champion_node(function: Callable[..., Any], *, outputs: str | list[str], **options: Any) -> Node:  # noqa: ANN401
    """Return a node that needs a champion: given :class:`NoChampion` in an input, it leaves the same as each output.

    Args:
        function: Of the node.
        outputs: Of the node.
        options: Further arguments of Kedro's ``Node``.
    """
    count = 1 if isinstance(outputs, str) else len(outputs)
    return Node(_skip_without_champion(function, count), outputs=outputs, **options)


def _skip_without_champion(function: Callable[..., Any], outputs: int) -> Callable[..., Any]:
    """Return ``function`` with its name, docstring, annotations and signature, by which Kedro makes options."""

    def answer(absent: NoChampion) -> object:
        return absent if outputs == 1 else (absent,) * outputs

    def call(*args: object, **kwargs: object) -> object:
        absent = _find_absent(args, kwargs)
        return function(*args, **kwargs) if absent is None else answer(absent)

    def give(*args: object, **kwargs: object) -> Iterator[object]:
        absent = _find_absent(args, kwargs)
        if absent is None:
            yield from function(*args, **kwargs)
        else:
            yield answer(absent)

    wrapped: Callable[..., Any] = functools.wraps(function)(give if inspect.isgeneratorfunction(function) else call)
    return wrapped


def _find_absent(args: tuple[object, ...], kwargs: dict[str, object]) -> NoChampion | None:
    return next((each for each in (*args, *kwargs.values()) if isinstance(each, NoChampion)), None)
