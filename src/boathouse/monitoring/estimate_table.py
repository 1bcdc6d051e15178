"""The table of estimates: what was expected of each cohort, and the truth beside it once labels are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from boathouse.monitoring.drift_table import AS_OF, Row
from boathouse.monitoring.estimation import Method
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Outcome = Literal["estimated", "not_estimable", "settled"]


@dataclass(frozen=True, kw_only=True)
class CohortEstimate:
    """One row of ``monitoring.estimates``; its contract explains each column."""

    cohort: date
    model_version: str
    method: Method
    metric: str
    status: Outcome
    rows: int
    assumption: str
    value: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    actual: float | None = None
    held: bool | None = None
    estimated_on: date | None = None


def _figure(name: str, description: str) -> Column:
    text = f"{description}; null where there is none."
    return Column(name=name, dtype="double", description=text, unit="that of the metric", nullable=True)


ESTIMATES = TableContract(
    name="monitoring.estimates",
    description="Performance estimated before labels were known, and later the truth beside it.",
    grain="one row per as_of, cohort, model version, method and metric",
    keys=("as_of", "cohort", "model_version", "method", "metric"),
    time_column="as_of",
    columns=(
        AS_OF,
        Column(name="cohort", dtype="date", description="Date on which the rows scored were observed."),
        Column(name="model_version", dtype="string", description="Registered version that scored the cohort."),
        Column(
            name="method",
            dtype="string",
            description="cbpe: from calibrated probabilities; pape: calibrated for the cohort's mix of rows; "
            "dle: from predicted errors.",
            allowed=get_args(Method),
        ),
        Column(name="metric", dtype="string", description="Name of the metric, as the evaluation has it."),
        Column(
            name="status",
            dtype="string",
            description="estimated; not_estimable: what is assumed does not hold; settled: an estimate of an earlier "
            "run beside the truth.",
            allowed=get_args(Outcome),
        ),
        Column(name="rows", dtype="bigint", description="Rows estimated.", unit="rows", minimum=0),
        _figure("value", "Expected metric, in its own unit"),
        _figure("sd", "Standard deviation of the metric that will be measured, about the value"),
        _figure("low", "Lower end of the interval that is to hold it"),
        _figure("high", "Upper end of it"),
        Column(name="reason", dtype="string", description="Why nothing can be estimated; empty where it can."),
        Column(name="assumption", dtype="string", description="What the estimate assumes."),
        _figure("actual", "The metric measured once labels were known"),
        Column(
            name="held",
            dtype="boolean",
            description="Whether the interval held the metric measured; null until then.",
            nullable=True,
        ),
        Column(
            name="estimated_on",
            dtype="date",
            description="Cutoff of the run that made the estimate.",
            nullable=True,
        ),
    ),
)


def estimate_rows(estimates: Iterable[CohortEstimate], *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.estimates`` per estimate, in the order of its contract."""
    names = [column.name for column in ESTIMATES.columns if column.name != "as_of"]
    return [(as_of, *(getattr(each, name) for name in names)) for each in estimates]


def settle_estimates(
    before: Iterable[Mapping[str, Any]], truth: Mapping[tuple[date, str], Mapping[str, float]], as_of: date
) -> list[CohortEstimate]:
    """Return the newest estimate that earlier runs made of each cohort, beside the metric measured since.

    Args:
        before: Rows of ``monitoring.estimates``; those of ``as_of`` and later do not count.
        truth: Metrics by name of each cohort and model version whose labels are known.
        as_of: Cutoff of the run.
    """
    newest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in sorted(before, key=lambda each: each["as_of"]):
        if row["as_of"] < as_of and row["status"] == "estimated":
            newest[row["cohort"], row["model_version"], row["method"], row["metric"]] = row
    settled = []
    for (cohort, version, _, metric), row in newest.items():
        actual = truth.get((cohort, version), {}).get(metric)
        if actual is not None and np.isfinite(actual):
            settled.append(_settle(row, actual))
    return settled


def _settle(row: Mapping[str, Any], actual: float) -> CohortEstimate:
    kept = {name: row[name] for name in CohortEstimate.__dataclass_fields__}
    held = bool(row["low"] <= actual <= row["high"])
    return CohortEstimate(**kept | {"status": "settled", "actual": actual, "held": held, "estimated_on": row["as_of"]})
