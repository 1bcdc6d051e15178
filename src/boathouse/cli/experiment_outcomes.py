"""What an experiment's report is made from: exposures out of the log, outcomes out of a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.endpoints.experiments.report import Metric
from boathouse.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from boathouse.endpoints.experiments.exposures import Exposures
    from boathouse.endpoints.states import EndpointState
    from boathouse.environment import Environment


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

    begun = since or state.changed_at or datetime(1970, 1, 1, tzinfo=UTC)
    log = environment.endpoint_log
    entries = read_entries(log, state.name, since=_aware(begun), until=None if until is None else _aware(until))
    exposures = find_exposures(read_log_rows(entries), str(state.config.split.unit))
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
    table = _read_table(wanted.path)
    for column in (wanted.unit, *wanted.columns, *filter(None, [wanted.label])):
        if column not in table.column_names:
            columns = ", ".join(table.column_names)
            raise ExperimentError(f"{wanted.path.name} lacks the column '{column}'. It has: {columns}.")
    units = [name_as_logged(value) for value in table[wanted.unit].to_pylist()]
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
    from boathouse.endpoints.routing import name_unit
    from boathouse.serving.log_redaction import choose_hidden, hash_value, read_salt
    from boathouse.use_case import USE_CASE

    log, unit = state.config.log, str(state.config.split.unit)
    if unit not in choose_hidden(log.personal_policy, log.personal_columns, USE_CASE.entity.personal_keys):
        return lambda value: name_unit(value) or ""
    if log.personal_policy == "mask":
        raise ExperimentError(
            f"The log masks '{unit}', so that units cannot be told apart. Use the policy hash for it "
            "(boathouse.log.personal of the endpoint)."
        )
    salt = read_salt(environment.endpoint_log_folder)
    return lambda value: hash_value(value, salt)


def _read_table(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path)
    from pyarrow import csv

    return csv.read_csv(path)


def _read_column(table: pa.Table, column: str, units: Sequence[str], file: str) -> dict[str, float]:
    """Return the values by unit; nulls are left out, and of several rows of a unit the last counts."""
    found = {}
    for row, (unit, value) in enumerate(zip(units, table[column].to_pylist(), strict=True), 1):
        if value is None:
            continue
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ExperimentError(f"{file}: row {row} of column '{column}' is no number.")
        found[unit] = float(value)
    return found
