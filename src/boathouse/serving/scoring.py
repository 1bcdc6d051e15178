"""From the columns of a request to scores: given, looked up, computed on demand, then the one scorer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from boathouse.errors import InvocationError, RequestError
from boathouse.scoring.on_demand import assemble
from boathouse.serving.answers import Scores
from boathouse.serving.columns import is_beyond, to_keys, to_matrix
from boathouse.serving.invocation import Invocation
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.served_model import RequestPlan, ServedModel

# Reasons per row when a caller asks to explain.
REASON_COUNT = 3
# Up to this number of rows a score takes less time than handing it to a thread and back would cost others.
_ROWS_AT_ONCE = 32

Result = TypeVar("Result")


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
        last_known: Whether looked-up values come from memory because the store is down.
    """

    values: np.ndarray
    last_known: bool = False


class ScoringThreads:
    """Threads for what would keep other requests waiting."""

    def __init__(self) -> None:
        """Open as many threads as there are processors."""
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="score")

    async def run(self, rows: int, work: Callable[[], Result]) -> Result:
        """Return what ``work`` returns, from a thread if it has many rows to do."""
        if rows <= _ROWS_AT_ONCE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Let running work end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def build_matrix(model: ServedModel, request: Invocation, look_up: FeatureLookUp | None) -> Matrix:
    """Return the model's input for the rows of a request.

    Raises:
        InvocationError: If a column is missing, of the wrong type or out of range, or features cannot be looked up.
    """
    plan = model.plan(request.columns)
    numbers = to_matrix(request.columns, plan.numbers, request.rows)
    plan.ranges.check(numbers)
    if not plan.views and not plan.computed:
        return Matrix(numbers)
    found = None
    if plan.views:
        if look_up is None:
            raise InvocationError.no_look_up(model.entity)
        found = await look_up.find(to_keys(request.columns, plan.keys), plan.views)
    stored = {} if found is None else _by_name(found.rows.features, found.rows.matrix)
    values = _assemble(model, plan, numbers, stored)
    return Matrix(values, last_known=found is not None and found.last_known)


def score(model: ServedModel, matrix: np.ndarray, params: Params) -> Scores:
    """Return the scores of a matrix; the same digits as in batch.

    Raises:
        InvocationError: If there is no row that the estimator could take.
    """
    scorer = model.scorer
    if not len(matrix):
        return Scores(scorer.outputs.empty())
    return Scores(scorer.answer(matrix), scorer.reasons(matrix, REASON_COUNT) if params.explain else None)


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
            f"Feature '{model.features[number]}', row {row}: it is infinite for the values given (a division by zero)."
        )
    return matrix


def _by_name(names: tuple[str, ...], matrix: np.ndarray) -> dict[str, np.ndarray]:
    return {name: matrix[:, column] for column, name in enumerate(names)}
