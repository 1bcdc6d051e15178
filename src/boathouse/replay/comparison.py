"""What policies of retraining would have cost: their paths through the matrix, the table and the plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from boathouse.replay.matrix import (
    Cell,
    Matrix,
    PolicyResult,
    find_oracle,
    follow,
    measure_policies,
    schedule_on_alarm,
)
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from boathouse.modelling.intervals import BootstrapOptions

NEVER, ALWAYS, ON_ALERT, RECALIBRATE, ORACLE = (
    "never",
    "always, monthly",
    "on-alert",
    "recalibrate",
    "best in hindsight",
)
# Policies that do something after the first training.
JUDGED = (ALWAYS, ON_ALERT, RECALIBRATE)
# Description and unit of each figure.
_FIGURES = {
    "cost": ("Cost of all decisions.", "currency units"),
    "saved": ("Cost of never training again less the cost: above 0 the policy saves.", "currency units"),
    "regret": ("Cost less that of the best schedule in hindsight.", "currency units"),
    "roc_auc": ("Mean ROC AUC of the cohorts; 0.5 is chance.", "area"),
    "log_loss": ("Mean logarithmic loss of the rows; 0 is perfect.", "nats"),
}


def _figure_columns() -> tuple[Column, ...]:
    ends = {"": "", "_low": "Lower end of its interval: ", "_high": "Upper end of its interval: "}
    return tuple(
        Column(name=f"{name}{end}", dtype="double", description=f"{words}{text}", unit=unit)
        for name, (text, unit) in _FIGURES.items()
        for end, words in ends.items()
    )


POLICIES = TableContract(
    name="monitoring.policies",
    description="What each policy of retraining would have cost over the months of a replay.",
    grain="one row per as_of and policy",
    keys=("as_of", "policy"),
    time_column="as_of",
    columns=(
        Column(name="as_of", dtype="date", description="Last day of the last month that was played."),
        Column(name="policy", dtype="string", description="Name of the policy, or of what it is held against."),
        Column(name="trained", dtype="string", description="Months at whose end it trained, comma-separated."),
        Column(name="rows", dtype="bigint", description="Rows that were decided on.", unit="rows", minimum=0),
        *_figure_columns(),
    ),
)


def compare_policies(
    matrix: Matrix,
    options: BootstrapOptions,
    *,
    is_alarming: Callable[[Cell], bool],
    newest_known: Mapping[date, date],
) -> list[PolicyResult]:
    """Return the figures of every policy, of the best schedule in hindsight, and of what needs no model.

    Args:
        matrix: The matrix.
        options: Of the resamples.
        is_alarming: Whether a cell raises an alarm on measured performance.
        newest_known: At each cutoff the newest cohort whose labels are known.
    """
    first = matrix.cutoffs[0]
    schedules = {
        NEVER: (first,),
        ALWAYS: tuple(matrix.cutoffs),
        ON_ALERT: schedule_on_alarm(matrix, is_alarming, newest_known),
        ORACLE: find_oracle(matrix),
    }
    paths: dict[str, tuple[Sequence[date], Sequence[Cell]]] = {}
    for name, schedule in schedules.items():
        path = follow(schedule, matrix.cohorts)
        paths[name] = schedule, [matrix.trained[path[day], day] for day in matrix.cohorts]
    path = follow(matrix.cutoffs, matrix.cohorts)
    paths[RECALIBRATE] = tuple(matrix.cutoffs), [matrix.recalibrated[path[day], day] for day in matrix.cohorts]
    for name, cells in matrix.references.items():
        paths[name] = (), [cells[day] for day in matrix.cohorts]
    results = measure_policies(paths, options, never=NEVER, oracle=ORACLE)
    order = [NEVER, ALWAYS, ON_ALERT, RECALIBRATE, ORACLE, *matrix.references]
    return sorted(results, key=lambda each: order.index(each.policy))


def policy_rows(results: Sequence[PolicyResult], *, as_of: date) -> list[tuple[Any, ...]]:
    """Return one row of ``monitoring.policies`` per policy, in the order of its contract."""
    rows = []
    for each in results:
        intervals = [getattr(each, name) for name in _FIGURES]
        figures = [number for interval in intervals for number in (interval.value, interval.low, interval.high)]
        trained = ",".join(f"{day:%Y-%m}" for day in each.trained)
        rows.append((as_of, each.policy, trained, each.rows, *figures))
    return rows


def plot_policies(matrix: Matrix, results: Sequence[PolicyResult], *, currency: str) -> Any:  # noqa: ANN401
    """Return a figure: cost per row of each trained model by cohort, and what each policy saved with its interval."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for cutoff, mark in zip(matrix.cutoffs, "osD^v<>Pp*Xhd" * len(matrix.cutoffs), strict=False):
        days = [day for day in matrix.cohorts if (cutoff, day) in matrix.trained]
        costs = [float(matrix.trained[cutoff, day].costs.mean()) for day in days]
        left.plot([f"{day:%Y-%m}" for day in days], costs, marker=mark, label=f"trained at {cutoff:%Y-%m}")
    left.set_ylabel(f"cost in {currency} per row")
    left.set_title("Each model on each cohort")
    left.legend()
    shown = [each for each in results if each.policy in (*JUDGED, ORACLE)]
    for place, each in enumerate(reversed(shown)):
        saved = each.saved
        right.plot([saved.low, saved.high], [place, place], color="tab:gray")
        right.plot([saved.value], [place], "o", color="tab:blue")
    right.axvline(0, color="black", linewidth=0.8)
    right.set_yticks(range(len(shown)), [each.policy for each in reversed(shown)])
    right.set_xlabel(f"saved against never training again, {currency}")
    right.set_title("Policies, with intervals")
    return figure
