"""What is answered by key alone: features without a score, and predictions that a batch run has published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson

from boathouse.errors import InvocationError
from boathouse.features.online.tables import prediction_view
from boathouse.scoring.spec import NO_FEATURE_ROW, Outputs
from boathouse.serving.columns import to_keys
from boathouse.serving.endpoint import Endpoint, find_model
from boathouse.serving.invocation import Invocation
from boathouse.serving.look_up import FeatureLookUp, LookedUp
from boathouse.serving.scoring import ROWS_PER_WEIGHT, build_matrix
from boathouse.serving.served_model import ServedModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def find_features(endpoint: Endpoint, request: Invocation) -> bytes:
    """Return the features of each key, stored and on demand, as the platform's feature serving does.

    Raises:
        InvocationError: If the model looks nothing up, a key is missing, or the store does not answer.
    """
    model = _first_model(endpoint)
    request = endpoint.normalise(request)
    keys = _read_keys(model, request)
    matrix = await build_matrix(model, request, endpoint.look_up, endpoint.threads)

    def encode() -> bytes:
        rows: list[dict[str, Any]] = [
            dict(zip(model.features, map(_number, values), strict=True)) for values in matrix.values.tolist()
        ]
        for row in matrix.unknown:
            rows[row]["status"] = NO_FEATURE_ROW
        return _encode("outputs", model, keys, rows, last_known=matrix.last_known)

    return await endpoint.threads.run(len(keys) // ROWS_PER_WEIGHT, lambda _: encode())


async def find_predictions(endpoint: Endpoint, request: Invocation) -> bytes:
    """Return the published prediction of each key: null where there is none.

    Raises:
        InvocationError: If a key is missing, predictions were never published, or the store does not answer.
    """
    model = _first_model(endpoint)
    keys, look_up = _read_keys(model, endpoint.normalise(request)), _require_look_up(model, endpoint)
    outputs = model.scorer.outputs
    found = await look_up.find(keys, [prediction_view(model.name, model.keys, outputs)])

    def encode() -> bytes:
        rows = [_describe(found, row, outputs) for row in range(len(keys))]
        return _encode("predictions", model, keys, rows, last_known=found.last_known)

    return await endpoint.threads.run(len(keys) // ROWS_PER_WEIGHT, lambda _: encode())


def _first_model(endpoint: Endpoint) -> ServedModel:
    """Return the model with the greatest share of requests: its features are those the endpoint serves."""
    state = endpoint.state
    route = max(state.config.routes, key=lambda each: each.traffic_percentage)
    return find_model(state, route.served_entity_name)


def _require_look_up(model: ServedModel, endpoint: Endpoint) -> FeatureLookUp:
    if endpoint.look_up is None or not model.keys:
        raise InvocationError.no_look_up(model.entity)
    return endpoint.look_up


def _read_keys(model: ServedModel, request: Invocation) -> list[tuple[int | str, ...]]:
    missing = [name for name, _ in model.keys if name not in request.columns]
    if missing:
        raise InvocationError.missing_columns(missing, ())
    return to_keys(request.columns, [name for name, _ in model.keys])


def _describe(found: LookedUp, row: int, outputs: Outputs) -> dict[str, Any]:
    if not found.rows.found[row, 0]:
        return dict.fromkeys([*(column.name for column in outputs.columns), "model_version", "predicted_as_of"])
    *values, version = found.rows.matrix[row].tolist()
    time = _EPOCH + timedelta(microseconds=int(found.rows.times[row, 0]))
    return {
        **{
            column.name: int(value) if column.dtype == "int" and not np.isnan(value) else _number(value)
            for column, value in zip(outputs.columns, values, strict=True)
        },
        "model_version": None if np.isnan(version) else str(int(version)),
        "predicted_as_of": time.date().isoformat(),
    }


def _number(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 - NaN differs from itself


def _encode(
    wrapper: str,
    model: ServedModel,
    keys: list[tuple[int | str, ...]],
    rows: list[dict[str, Any]],
    *,
    last_known: bool,
) -> bytes:
    names = [name for name, _ in model.keys]
    content = [{**dict(zip(names, key, strict=True)), **row} for key, row in zip(keys, rows, strict=True)]
    mark = {"features": "last_known"} if last_known else {}
    return orjson.dumps({wrapper: content, **mark})
