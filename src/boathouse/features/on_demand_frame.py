"""On-demand features in a frame: what a request would have got, with each field at its default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from boathouse.errors import FeatureError
from boathouse.scoring.on_demand import OnDemandFeature, assemble

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


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

    from boathouse.scoring.batch import to_matrix

    matrix = to_matrix(batch, stored)
    columns = {name: matrix[:, place] for place, name in enumerate(stored)}
    fields = sorted({field for each in features for field in each.request_names} & set(batch.schema.names))
    asked = to_matrix(batch, fields)
    request = {name: asked[:, place] for place, name in enumerate(fields)}
    values = assemble(names, columns, request, features)
    added = [pa.array(values[:, place], from_pandas=True) for place in range(len(names))]
    return pa.RecordBatch.from_arrays([*batch.columns, *added], names=[*batch.schema.names, *names])
