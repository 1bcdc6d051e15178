"""What Kedro reads of a function is still there once it is bound to a use case."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_type_hints

import pytest

from boathouse.pipelines.binding import bind

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Options:
    """Options of a node."""

    limit: int


def keep_rows(rows: list[int], options: Options, *, least: int) -> list[int]:
    """Return the rows from ``least`` up to the limit."""
    return [row for row in rows if least <= row <= options.limit]


def give_rows(rows: list[int], *, least: int) -> Iterator[int]:
    yield from (row for row in rows if row >= least)


def test_a_bound_function_takes_the_other_arguments() -> None:
    bound = bind(keep_rows, least=2)
    assert bound([1, 2, 3, 4], Options(3)) == [2, 3]
    assert bound(rows=[1, 2], options=Options(9)) == [2]
    with pytest.raises(TypeError):
        inspect.signature(bound, follow_wrapped=False).bind([1])


def test_name_text_and_annotations_stay() -> None:
    bound = bind(keep_rows, least=2)
    assert (bound.__name__, bound.__doc__) == ("keep_rows", keep_rows.__doc__)
    assert get_type_hints(bound) == {"rows": list[int], "options": Options, "return": list[int]}
    assert list(inspect.signature(bound).parameters) == ["rows", "options"]


def test_a_generator_stays_one() -> None:
    bound = bind(give_rows, least=2)
    assert inspect.isgeneratorfunction(bound)
    assert not inspect.isgeneratorfunction(bind(keep_rows, least=2))
    assert list(bound([1, 2, 3])) == [2, 3]
