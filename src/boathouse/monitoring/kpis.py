"""Key figures of the business, declared in conf as expressions over predictions and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from boathouse.errors import ConfigError
from boathouse.modelling.intervals import BootstrapOptions, bounds_of, draw_counts
from boathouse.monitoring.figures import Interval
from boathouse.options import require_choice

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.modelling.calibration import CostOptions
    from boathouse.monitoring.cohorts import CohortRows
    from boathouse.monitoring.figures import Subject
    from boathouse.monitoring.measures import Measure
    from boathouse.monitoring.options import PerformanceOptions

Total = Literal["sum", "mean"]
_PREFIX = "kpi_"
# Characters of an engine's message that are repeated: Sail prints whole plans.
_LONGEST_CAUSE = 160


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One key figure.

    Attributes:
        expression: SQL for the value of one row. It may name the key, the date, the columns of the answer, ``label``,
            and the prices ``missed`` and ``false_alarm`` of training; rows without a label do not count.
        unit: Unit of the value.
        total: Whether rows are added up or averaged.
        target: Value that is aimed at; None for none.
    """

    expression: str
    unit: str
    total: Total = "sum"
    target: float | None = None

    def __post_init__(self) -> None:
        """Refuse a total of another kind.

        Raises:
            OptionError: If it is none of both.
        """
        require_choice("total", self.total, get_args(Total))


@dataclass(frozen=True, kw_only=True)
class ValueOptions:
    """The key figures that are watched.

    Attributes:
        kpis: Each by name.
    """

    kpis: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a declaration that is not complete.

        Raises:
            ConfigError: Naming the key figure.
        """
        for name, declared in self.kpis.items():
            try:
                Kpi(**declared)
            except TypeError as error:
                raise ConfigError(
                    f"monitoring.value.kpis.{name}: expected expression, unit and, if wanted, total and target; "
                    f"found {', '.join(sorted(declared)) or 'nothing'}."
                ) from error

    @property
    def declared(self) -> dict[str, Kpi]:
        """The key figures by name."""
        return {name: Kpi(**declared) for name, declared in self.kpis.items()}


def add_kpis(joined: DataFrame, options: ValueOptions, costs: CostOptions) -> DataFrame:
    """Return the rows with a column ``kpi_<name>`` for each key figure, null where a row has none.

    Args:
        joined: Predictions with ``label``, null where unknown.
        options: The key figures.
        costs: Prices that expressions may name.

    Raises:
        ConfigError: If an expression cannot be evaluated on these rows; it names the key figure.
    """
    priced = joined.withColumn("missed", F.lit(costs.missed)).withColumn("false_alarm", F.lit(costs.false_alarm))
    for name, kpi in options.declared.items():
        try:
            value = F.expr(kpi.expression).cast("double")
            # Beside a column of a row an aggregate is refused, by Sail only when a row is computed.
            priced.select("label", value.alias("value")).limit(1).collect()
            priced = priced.withColumn(f"{_PREFIX}{name}", F.when(F.col("label").isNotNull(), value))
        except (PySparkException, ValueError) as error:
            raise ConfigError(
                f"monitoring.value.kpis.{name}: the expression '{kpi.expression}' cannot be evaluated for a row "
                f"({_first_line(error)}). It may name: {', '.join((*joined.columns, 'missed', 'false_alarm'))}."
            ) from error
    return priced.drop("missed", "false_alarm")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST_CAUSE]


def kpi_columns(options: ValueOptions) -> tuple[str, ...]:
    """Return the names of the columns that :func:`add_kpis` adds."""
    return tuple(f"{_PREFIX}{name}" for name in options.kpis)


def measure_kpis(
    cohort: CohortRows, subject: Subject, options: ValueOptions, performance: PerformanceOptions, *, mature: bool
) -> list[Measure]:
    """Return each key figure of a cohort, its interval by bootstrap over entities; pending until labels are known."""
    found = []
    for name, kpi in options.declared.items():
        values = cohort.values[f"{_PREFIX}{name}"]
        known = np.isfinite(values)
        if not mature or not known.any():
            text = f"Labels are not known yet; in {kpi.unit}."
            found.append(subject.measure("kpi", name, cohort, None, status="pending", rows=0, detail=text))
            continue
        figure = _resample(values[known], cohort.entities[known], kpi.total, performance)
        aim = "" if kpi.target is None else f", target {kpi.target:,.6g}"
        detail = f"{figure.value:,.6g} {kpi.unit}{aim}."
        found.append(subject.measure("kpi", name, cohort, figure, rows=int(known.sum()), detail=detail))
    return found


def _resample(values: np.ndarray, entities: np.ndarray, total: Total, options: PerformanceOptions) -> Interval:
    """Return the total with its interval; only how often each entity is drawn matters, so entities are added up."""
    _, places = np.unique(entities, return_inverse=True)
    sums, rows = np.bincount(places, weights=values), np.bincount(places)
    sampling = BootstrapOptions(samples=options.bootstraps, confidence=options.confidence, seed=options.seed)
    drawn = np.concatenate([counts @ np.column_stack([sums, rows]) for counts in draw_counts(len(sums), sampling)])
    resampled = drawn[:, 0] if total == "sum" else drawn[:, 0] / drawn[:, 1]
    low, high = bounds_of(resampled, options.confidence)
    return Interval(value=float(values.sum() if total == "sum" else values.mean()), low=low, high=high)
