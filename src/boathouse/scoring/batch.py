"""Whole frames, distributed: on-demand features are added, rows are scored; each worker loads the model once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from boathouse.errors import FeatureError, ModelError
from boathouse.scoring.files import ModelFiles, digest_of
from boathouse.scoring.on_demand import OnDemandFeature, assemble
from boathouse.scoring.scorer import Scorer, load_scorer
from boathouse.scoring.spec import OUTPUTS, ScorerSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

_LOADED: dict[str, Scorer] = {}


def score_frame(frame: DataFrame, files: ModelFiles, *, reason_count: int) -> DataFrame:
    """Return ``frame`` with the columns of the model's answer and reasons (array of text) added.

    Rows that owe no reasons have an empty list: explanations cost far more than scores.

    Args:
        frame: Rows with all features of the model as columns; null is missing.
        files: The model; it travels to the workers with the task.
        reason_count: Reasons for each row that owes some, at most.

    Raises:
        ModelError: If a feature is missing.
    """
    spec = ScorerSpec.from_json(files["spec.json"])
    features = spec.features
    missing = sorted(set(features) - set(frame.columns))
    if missing:
        raise ModelError.missing_features(missing, frame.columns)
    schema = ", ".join(f"`{name}` {dtype}" for name, dtype in frame.dtypes)
    content = dict(files)

    def score_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scorer = load_once(content)
        for batch in batches:
            yield score_batch(batch, scorer, reason_count)

    return frame.mapInArrow(score_batches, f"{schema}, {OUTPUTS[spec.task].schema}")


def score_batch(batch: pa.RecordBatch, scorer: Scorer, reason_count: int) -> pa.RecordBatch:
    """Return the batch with the columns of the answer and reasons added."""
    import pyarrow as pa

    matrix = to_matrix(batch, scorer.spec.features)
    answer = scorer.answer(matrix)
    reasons: list[list[str]] = [[] for _ in range(batch.num_rows)]
    explained = scorer.find_explained(answer)
    if len(explained) and reason_count:
        for row, texts in zip(explained, scorer.reasons(matrix[explained], reason_count), strict=True):
            reasons[row] = texts
    added = [*(pa.array(column) for column in answer.values()), pa.array(reasons, pa.list_(pa.string()))]
    return pa.RecordBatch.from_arrays([*batch.columns, *added], names=[*batch.schema.names, *scorer.outputs.names])


def to_matrix(batch: pa.RecordBatch, features: Iterable[str]) -> np.ndarray:
    """Return the features as a float64 matrix in the given order, null as NaN."""
    columns = [batch.column(name).cast("float64").to_numpy(zero_copy_only=False) for name in features]
    return np.column_stack(columns) if batch.num_rows and columns else np.empty((batch.num_rows, len(columns)))


def load_once(files: ModelFiles) -> Scorer:
    """Return the scorer, loaded at the first call in this process."""
    digest = digest_of(files)
    if digest not in _LOADED:
        _LOADED[digest] = load_scorer(files)
    return _LOADED[digest]


def add_on_demand(frame: DataFrame, features: Sequence[OnDemandFeature]) -> DataFrame:
    """Return ``frame`` with one column per on-demand feature, null for unknown; rows stay as they are.

    The function is the one that the endpoint calls. A column named like a field of the request gives that field,
    null its default; without such a column, as in training, every row has the default.

    Raises:
        FeatureError: If a stored feature is missing.
    """
    if not features:
        return frame
    missing = sorted({name for each in features for name in each.stored} - set(frame.columns))
    if missing:
        raise FeatureError.spine_lacks(missing, frame.columns)
    names = [each.name for each in features]
    stored = sorted({name for each in features for name in each.stored})
    computed = list(features)

    def add_columns(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _add_to_batch(batch, names, stored, computed)

    schema = ", ".join(
        [*(f"`{name}` {dtype}" for name, dtype in frame.dtypes), *(f"`{each.name}` {each.dtype}" for each in features)]
    )
    return frame.mapInArrow(add_columns, schema)


def _add_to_batch(
    batch: pa.RecordBatch, names: Sequence[str], stored: Sequence[str], features: Sequence[OnDemandFeature]
) -> pa.RecordBatch:
    import pyarrow as pa

    matrix = to_matrix(batch, stored)
    columns = {name: matrix[:, place] for place, name in enumerate(stored)}
    fields = sorted({field for each in features for field in each.request_names} & set(batch.schema.names))
    asked = to_matrix(batch, fields)
    request = {name: asked[:, place] for place, name in enumerate(fields)}
    values = assemble(names, columns, request, features)
    added = [pa.array(values[:, place], from_pandas=True) for place in range(len(names))]
    return pa.RecordBatch.from_arrays([*batch.columns, *added], names=[*batch.schema.names, *names])
