"""What an experiment's report is made from: exposures out of the log, outcomes out of a file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.experiments.report import Metric
from boathouse.errors import ExperimentError
from boathouse.tables.text_forms import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from boathouse.endpoints.experiments.exposures import Exposures
    from boathouse.endpoints.state import EndpointState
    from boathouse.environment import Environment

_NUMBER = re.compile(NUMBER)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to read of a file of outcomes.

    Attributes:
        path: CSV or Parquet, one row a unit.
        unit: Column of the unit.
        label: Column of the true label, or None.
        columns: Columns of business metrics.
        effects: Effects planned for, by metric.
    """

    path: Path
    unit: str
    label: str | None
    columns: Sequence[str]
    effects: Mapping[str, float]


def read_exposures(
    environment: Environment, state: EndpointState, since: datetime | None, until: datetime | None
) -> Exposures:
    """Return the exposures between two moments.

    Raises:
        ExperimentError: If no unit was.
    """
    from boathouse.endpoints.canary_step import read_entries
    from boathouse.endpoints.experiments.exposures import find_exposures
    from boathouse.endpoints.log_rows import read_log_rows
    from boathouse.endpoints.routing import name_unit

    begun = since or state.changed_at or datetime(1970, 1, 1, tzinfo=UTC)
    log = environment.endpoint_log
    entries = read_entries(log, state.name, since=_aware(begun), until=None if until is None else _aware(until))
    unit = str(state.config.split.unit)
    # What is hidden in the log is named by its hash there; else it stands as it was sent.
    name = partial(name_unit, dtype=None if _is_hidden(state) else _key_type(unit))
    exposures = find_exposures(read_log_rows(entries), unit, name)
    if not exposures.units:
        raise ExperimentError(
            f"The log of endpoint '{state.name}' in {log.table} has no row that an A/B test assigned. The split must "
            "be of kind ab, rows must carry its unit, and the log must be enabled."
        )
    return exposures


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def read_metrics(wanted: Wanted, exposures: Exposures, name_as_logged: Callable[[object], str]) -> list[Metric]:
    """Return the model's metric and those of the business.

    The model's is the Brier score (mean squared distance of score and label, 0 is best) where labels are
    given, else the mean score.

    Args:
        wanted: The file and what to read of it.
        exposures: Who was exposed; holds the scores.
        name_as_logged: Gives the text by which the log knows a unit.

    Raises:
        ExperimentError: If a column is missing or holds something that is no number.
    """
    table = _read_table(wanted.path, wanted.unit)
    for column in (wanted.unit, *wanted.columns, *filter(None, [wanted.label])):
        if column not in table.column_names:
            columns = ", ".join(table.column_names)
            raise ExperimentError(f"{wanted.path.name} lacks the column '{column}'. It has: {columns}.")
    units = [name_as_logged(value) for value in _read_units(table[wanted.unit].to_pylist(), wanted)]
    scores = {unit: each.score for unit, each in exposures.units.items() if each.score is not None}
    if wanted.label is None:
        model = Metric(name="mean_score", role="model", outcomes=scores)
    else:
        labels = _read_column(table, wanted.label, units, wanted.path.name)
        brier = {unit: (scores[unit] - label) ** 2 for unit, label in labels.items() if unit in scores}
        model = Metric(name="brier_score", role="model", outcomes=brier)
    business = [
        Metric(
            name=column,
            role="business",
            outcomes=_read_column(table, column, units, wanted.path.name),
            expected_effect=wanted.effects.get(column),
        )
        for column in wanted.columns
    ]
    return [model, *business]


def choose_naming(environment: Environment, state: EndpointState) -> Callable[[object], str]:
    """Return how the log writes a unit: hashed if its column is personal.

    Raises:
        ExperimentError: If the log masks it: units cannot be told apart then.
    """
    from boathouse.endpoints.keyed_hash import hash_value, read_salt
    from boathouse.endpoints.routing import name_unit

    log, unit = state.config.log, str(state.config.split.unit)
    dtype = _key_type(unit)
    if not _is_hidden(state):
        return lambda value: name_unit(value, dtype) or ""
    if log.personal_policy == "mask":
        raise ExperimentError(
            f"The log masks '{unit}', so that units cannot be told apart. Use the policy hash for it "
            "(boathouse.log.personal of the endpoint)."
        )
    environment.provide_log_salt()
    salt = read_salt(environment.endpoint_log_folder)
    return lambda value: hash_value(value, salt, dtype)


def _is_hidden(state: EndpointState) -> bool:
    """Return whether the log hides the unit."""
    from boathouse.serving.log_redaction import choose_hidden
    from boathouse.use_case import USE_CASE

    log = state.config.log
    hidden = choose_hidden(log.personal_policy, log.personal_columns, USE_CASE.entity.personal_keys)
    return str(state.config.split.unit) in hidden


def _key_type(unit: str) -> str | None:
    """Return the type of the unit, if it is a key."""
    from boathouse.use_case import USE_CASE

    return dict(USE_CASE.entity.typed_keys).get(unit)


def _read_table(path: Path, unit: str) -> pa.Table:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path)
    import pyarrow as pa

    from boathouse.tables.csv_files import read_text_table

    table = read_text_table(path)
    # A guess of the type would make a number of a text key.
    return pa.table(
        {name: table[name] if name == unit else _take_for_numbers(table[name]) for name in table.column_names}
    )


def _take_for_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of text as whole numbers, numbers or booleans if all of it is."""
    import pyarrow as pa

    for dtype in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            return texts.cast(dtype)
        except pa.ArrowInvalid:
            continue
    return texts


def _read_units(values: list[Any], wanted: Wanted) -> list[Any]:
    """Return the values of the unit, checked if it is a key.

    Raises:
        ExperimentError: Naming file, row and rule of the first that is none.
    """
    from boathouse.errors import KeyValueError
    from boathouse.tables.keys import read_keys
    from boathouse.use_case import USE_CASE

    column = next((key for key in USE_CASE.entity.keys if key.name == wanted.unit), None)
    if column is None:
        return values
    try:
        return read_keys(values, column)
    except KeyValueError as error:
        raise ExperimentError(f"{wanted.path.name}: {error} Rows count from 0.") from error


def _read_column(table: pa.Table, column: str, units: Sequence[str], file: str) -> dict[str, float]:
    """Return the values by unit; nulls are left out, and of several rows of a unit the last counts."""
    found = {}
    for row, (unit, value) in enumerate(zip(units, table[column].to_pylist(), strict=True), 1):
        if value is None:
            continue
        number = _to_number(value)
        if number is None:
            raise ExperimentError(f"{file}: row {row} of column '{column}' is no number.")
        found[unit] = number
    return found


def _to_number(value: object) -> float | None:
    """Return a finite number, None for anything else; where one text of a column is none, the others are texts too."""
    is_number = isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    number = float(value) if is_number else math.nan  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
