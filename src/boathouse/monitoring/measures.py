"""What monitoring measures, in one form: what alert rules, reports and retraining read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.windows import Window

Kind = Literal["data", "feature", "prediction", "label", "concept", "performance", "fairness", "kpi", "service"]
Status = Literal["measured", "estimated", "not_estimable", "pending", "too_few"]
# Scope of a measure of all rows; that of a slice is ``<column>=<value>``.
ALL_ROWS = "all"
NO_MODEL = "none"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure of one window, with its uncertainty.

    Attributes:
        kind: What it is about.
        metric: Name of the figure, such as ``ks_effect`` or ``roc_auc``.
        subject: Column, table, pipeline or endpoint; the model's name for figures of the whole model.
        window: Days that it is of.
        value: The figure; None where the status says why there is none.
        low: Lower end of its interval; None where it has none.
        high: Upper end likewise.
        rows: Rows that it was computed from.
        scope: ``all``, or the slice ``<column>=<value>``.
        model_version: Version that it is about, or ``none``.
        status: ``measured``; ``estimated`` before labels are known; else why there is no value.
        compared_with: What a difference is against: a table at a version, a window; empty for none.
        detail: One sentence of evidence for a person, without values of single persons; empty for none.
    """

    kind: Kind
    metric: str
    subject: str
    window: Window
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    scope: str = ALL_ROWS
    model_version: str = NO_MODEL
    status: Status = "measured"
    compared_with: str = ""
    detail: str = ""


MEASURES = TableContract(
    name="monitoring.measures",
    description="Every figure that monitoring computed, with its interval: what alert rules read.",
    grain="one row per as_of, kind, metric, subject, scope, window and model version",
    keys=("as_of", "kind", "metric", "subject", "scope", "window_start", "window_end", "model_version"),
    time_column="as_of",
    columns=(
        Column(name="as_of", dtype="date", description="Cutoff of the data visible to the run that wrote the row."),
        Column(name="kind", dtype="string", description="What the figure is about.", allowed=get_args(Kind)),
        Column(name="metric", dtype="string", description="Name of the figure."),
        Column(name="subject", dtype="string", description="Column, table, pipeline, endpoint or model."),
        Column(name="scope", dtype="string", description="all, or the slice as <column>=<value>."),
        Column(name="window_start", dtype="date", description="First day of the window."),
        Column(name="window_end", dtype="date", description="Day after its last day."),
        Column(name="model_version", dtype="string", description="Version that it is about, or none."),
        Column(
            name="status",
            dtype="string",
            description="measured; estimated: before labels are known; else why there is no value.",
            allowed=get_args(Status),
        ),
        Column(name="value", dtype="double", description="The figure, in its own unit; null for none.", nullable=True),
        Column(name="low", dtype="double", description="Lower end of its interval.", nullable=True),
        Column(name="high", dtype="double", description="Upper end of its interval.", nullable=True),
        Column(name="rows", dtype="bigint", description="Rows it was computed from.", unit="rows", minimum=0),
        Column(name="compared_with", dtype="string", description="What a difference is against; empty for none."),
        Column(name="detail", dtype="string", description="Evidence in one sentence; empty for none."),
    ),
)


def measure_rows(measures: Iterable[Measure], *, as_of: date) -> list[tuple[object, ...]]:
    """Return one row of ``monitoring.measures`` per measure, in the order of its contract."""
    return [
        (
            as_of,
            each.kind,
            each.metric,
            each.subject,
            each.scope,
            each.window.start,
            each.window.end,
            each.model_version,
            each.status,
            each.value,
            each.low,
            each.high,
            each.rows,
            each.compared_with,
            each.detail,
        )
        for each in measures
    ]
