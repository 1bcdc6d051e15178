"""From the columns of a request to scores: given, looked up, computed on demand, then the one scorer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np

from boathouse.errors import InvocationError, RequestError
from boathouse.features.online.look_up import FeatureRows
from boathouse.scoring.on_demand import assemble
from boathouse.serving.answers import Scores
from boathouse.serving.bounds import GaveUpError
from boathouse.serving.columns import is_beyond, to_keys, to_matrix
from boathouse.serving.invocation import Invocation
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.served_model import RequestPlan, ServedModel
from boathouse.serving.threads import ScoringThreads

# Reasons per row when a caller asks to explain.
REASON_COUNT = 3
# Rows whose columns are laid out, or whose answer is written, in the time of one score.
ROWS_PER_WEIGHT = 32
# Rows between two looks at whether the result is still wanted; reasons take a hundred times as long.
_PART, _EXPLAINED_PART = 10_000, 100


@dataclass(frozen=True, slots=True)
class Params:
    """What a request asks for beside scores.

    Attributes:
        explain: Whether reasons are given.
        details: Whether each row carries served entity, version, and the id by which it can be traced.
    """

    explain: bool = False
    details: bool = False

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Params:
        """Return the parameters; unknown ones are ignored, as MLflow's server does.

        Raises:
            InvocationError: If one is not true or false.
        """
        if not raw:
            return _NO_PARAMS
        for name in ("explain", "details"):
            if not isinstance(raw.get(name, False), bool):
                raise InvocationError.wrong_param(name, "true or false")
        return cls(raw.get("explain", False), raw.get("details", False))


_NO_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class Matrix:
    """A model's input.

    Attributes:
        values: float64, rows by features; NaN for unknown.
        unknown: Rows that nothing is known of, so that a score would mean nothing; ascending.
        by_key: Whether features were looked up.
        last_known: Whether looked-up values come from memory because the store is down.
        looked_up: What the store had, for the log; None where nothing was looked up.
    """

    values: np.ndarray
    unknown: tuple[int, ...] = ()
    by_key: bool = False
    last_known: bool = False
    looked_up: FeatureRows | None = None


async def build_matrix(
    model: ServedModel, request: Invocation, look_up: FeatureLookUp | None, threads: ScoringThreads
) -> Matrix:
    """Return the model's input for the rows of a request, whose keys are normalised.

    Raises:
        InvocationError: If a column is missing, of the wrong type or out of range, or features cannot be looked up.
    """
    plan, numbers = await threads.run(request.rows // ROWS_PER_WEIGHT, lambda _: read_values(model, request))
    if not plan.views and not plan.computed:
        return Matrix(numbers, find_empty(model, numbers))
    found = None
    if plan.views:
        if look_up is None:
            raise InvocationError.no_look_up(model.entity)
        found = await look_up.find(to_keys(request.columns, [name for name, _ in plan.keys]), plan.views)
    stored = {} if found is None else _by_name(found.rows.features, found.rows.matrix)
    values = _assemble(model, plan, numbers, stored)
    empty = find_empty(model, values)
    if found is None:
        return Matrix(values, empty)
    unknown = tuple(sorted({*empty, *found.unknown})) if found.unknown else empty
    return Matrix(values, unknown, by_key=True, last_known=found.last_known, looked_up=found.rows)


def read_values(model: ServedModel, request: Invocation) -> tuple[RequestPlan, np.ndarray]:
    """Return the plan of a request, and the numbers that it brings.

    Raises:
        InvocationError: If a column is missing, of the wrong type or out of range.
    """
    plan = model.plan(request.columns)
    numbers = to_matrix(request.columns, plan.numbers, request.rows)
    plan.values.check(numbers)
    return plan, numbers


def find_empty(model: ServedModel, values: np.ndarray) -> tuple[int, ...]:
    """Return the rows none of whose features is known, as batch scoring judges it."""
    # The first feature is known as a rule: then nothing is left to look at.
    if not np.isnan(values[:, model.telling[0]]).any():
        return ()
    return tuple(np.flatnonzero(np.isnan(values[:, model.telling]).all(axis=1)).tolist())


def score(model: ServedModel, matrix: np.ndarray, params: Params, stop: Event) -> Scores:
    """Return the scores of a matrix; the same digits as in batch.

    Raises:
        GaveUpError: If ``stop`` is set meanwhile.
    """
    scorer = model.scorer
    if not len(matrix):
        return Scores(scorer.outputs.empty())
    parts = [scorer.answer(part) for part in _cut(matrix, _PART, stop)]
    answer = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts[1:] else parts[0]
    if not params.explain:
        return Scores(answer)
    explained = _cut(matrix, _EXPLAINED_PART, stop)
    return Scores(answer, [reasons for part in explained for reasons in scorer.reasons(part, REASON_COUNT)])


def _cut(matrix: np.ndarray, rows: int, stop: Event) -> Iterator[np.ndarray]:
    """Give the matrix in parts, as long as they are wanted."""
    for start in range(0, len(matrix), rows):
        if stop.is_set():
            raise GaveUpError
        yield matrix[start : start + rows]


def _assemble(
    model: ServedModel, plan: RequestPlan, numbers: np.ndarray, stored: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return the matrix; a number of the request stands above the stored one, null does not."""
    given = _by_name(plan.numbers, numbers)
    fields = {name: given.pop(name) for name in plan.fields}
    values = dict(stored)
    for name, column in given.items():
        values[name] = np.where(np.isnan(column), stored[name], column) if name in stored else column
    try:
        with np.errstate(all="ignore"):
            matrix = assemble(model.features, values, fields, plan.computed)
    except RequestError as error:
        raise InvocationError.bad_request(str(error)) from error
    beyond = is_beyond(matrix)
    if beyond.any():
        row, number = (int(each) for each in np.argwhere(beyond)[0])
        raise InvocationError.bad_request(
            f"Feature '{model.features[number]}', row {row}: it is infinite for the values given: a division by zero? "
            f"({model.features[number]}_not_finite)"
        )
    return matrix


def _by_name(names: tuple[str, ...], matrix: np.ndarray) -> dict[str, np.ndarray]:
    return {name: matrix[:, column] for column, name in enumerate(names)}
