"""One matrix of training cutoffs by scored cohorts: every policy of retraining is a path through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.intervals import Scored, bounds_of, draw_counts
from boathouse.modelling.metrics import log_loss, roc_auc

if TYPE_CHECKING:
    from boathouse.modelling.calibration import CostOptions
    from boathouse.modelling.intervals import BootstrapOptions

# At each cohort the cutoff of the model that decides.
Path = Mapping[date, date]
_EDGE = 1e-15


@dataclass(frozen=True)
class Cell:
    """One model on one cohort.

    Attributes:
        rows: Label, probability, decision and entity of each row.
        costs: Cost of each row's decision, currency units.
    """

    rows: Scored
    costs: np.ndarray

    @classmethod
    def of(cls, rows: Scored, prices: CostOptions) -> Cell:
        """Return the cell of ``rows`` with the costs of its decisions."""
        missed = (rows.label == 1) & (rows.decision == 0)
        alarm = (rows.label == 0) & (rows.decision == 1)
        return cls(rows, missed * prices.missed + alarm * prices.false_alarm)

    @property
    def losses(self) -> np.ndarray:
        """The logarithmic loss of each row, nats."""
        clipped = np.clip(self.rows.probability, _EDGE, 1 - _EDGE)
        losses: np.ndarray = -np.where(self.rows.label == 1, np.log(clipped), np.log1p(-clipped))
        return losses


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Models trained with what was known at each cutoff, on each cohort scored at it or later.

    Attributes:
        cutoffs: Dates of training, ascending.
        cohorts: Dates of the cohorts with labels, ascending.
        trained: Cell of the model of a cutoff on a cohort; only cohorts from the cutoff on.
        recalibrated: The same of the first model with its calibration and threshold fitted at the cutoff.
        references: What decisions without any of these models would have been, by name and cohort.
    """

    cutoffs: Sequence[date]
    cohorts: Sequence[date]
    trained: Mapping[tuple[date, date], Cell]
    recalibrated: Mapping[tuple[date, date], Cell]
    references: Mapping[str, Mapping[date, Cell]]


def follow(schedule: Sequence[date], cohorts: Sequence[date]) -> dict[date, date]:
    """Return the path of a schedule: at each cohort the newest cutoff before it; at the first, its own.

    A month is scored before anything is trained in it, so that a model decides from the next month on.

    Args:
        schedule: Cutoffs at which a model is trained, ascending; the first is that of the first model.
        cohorts: Dates of cohorts, none before the first cutoff.
    """
    first = schedule[0]
    return {day: max([cutoff for cutoff in schedule if cutoff < day], default=first) for day in cohorts}


def list_schedules(cutoffs: Sequence[date]) -> list[tuple[date, ...]]:
    """Return every schedule that begins with the first cutoff: two to the power of the number of later ones."""
    first, *later = cutoffs
    return [(first, *chosen) for size in range(len(later) + 1) for chosen in combinations(later, size)]


def schedule_on_alarm(
    matrix: Matrix, is_alarming: Callable[[Cell], bool], newest_known: Mapping[date, date]
) -> tuple[date, ...]:
    """Return the cutoffs at which the model in use does so badly on the newest labelled cohort that it is replaced.

    Args:
        matrix: The matrix.
        is_alarming: Whether a cell raises an alarm.
        newest_known: At each cutoff the newest cohort whose labels are known.
    """
    schedule = [matrix.cutoffs[0]]
    for cutoff in matrix.cutoffs[1:]:
        cohort = newest_known[cutoff]
        used = follow(schedule, [cohort])[cohort]
        cell = matrix.trained.get((used, cohort))
        if cell is not None and is_alarming(cell):
            schedule.append(cutoff)
    return tuple(schedule)


def find_oracle(matrix: Matrix) -> tuple[date, ...]:
    """Return the schedule that cost least in hindsight; of equal ones that with the fewest trainings."""

    def total(schedule: tuple[date, ...]) -> float:
        path = follow(schedule, matrix.cohorts)
        return float(sum(matrix.trained[path[day], day].costs.sum() for day in matrix.cohorts))

    return min(list_schedules(matrix.cutoffs), key=lambda schedule: (round(total(schedule), 6), len(schedule)))


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside of the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class PolicyResult:
    """What one policy would have cost over all cohorts.

    Attributes:
        policy: Name.
        trained: Cutoffs at which it trains or recalibrates; none for a reference.
        rows: Rows decided.
        cost: In currency units, of all rows.
        saved: Cost of ``never`` less the cost: above 0 the policy saves.
        regret: Cost less that of the best schedule in hindsight, which is kept fixed over the resamples.
        roc_auc: Mean over the cohorts.
        log_loss: Mean over the rows, nats.
    """

    policy: str
    trained: Sequence[date]
    rows: int
    cost: Interval
    saved: Interval
    regret: Interval
    roc_auc: Interval
    log_loss: Interval


def measure_policies(
    paths: Mapping[str, tuple[Sequence[date], Sequence[Cell]]], options: BootstrapOptions, *, never: str, oracle: str
) -> list[PolicyResult]:
    """Return each policy's figures, with intervals from resamples of entities (cluster bootstrap).

    A drawn entity comes with its rows of all cohorts, in every policy alike: differences are of the same entities.

    Args:
        paths: By policy the cutoffs at which it trains, and its cell of each cohort.
        options: Number of resamples, confidence, seed.
        never: The policy that savings are against.
        oracle: The policy that regret is against.
    """
    entities = np.unique(np.concatenate([cell.rows.entities for _, cells in paths.values() for cell in cells]))
    counts = np.concatenate(list(draw_counts(len(entities), options))).astype(np.float64)
    # Policies share most cells; an area takes longest.
    distinct = {id(cell): cell for _, cells in paths.values() for cell in cells}
    areas = {
        key: weighted_auc(cell.rows, counts, np.searchsorted(entities, cell.rows.entities))
        for key, cell in distinct.items()
    }
    figures = {name: _resample(cells, areas, entities, counts) for name, (_, cells) in paths.items()}
    results = []
    for name, (trained, cells) in paths.items():
        own = figures[name]
        saved, regret = figures[never]["cost"] - own["cost"], own["cost"] - figures[oracle]["cost"]
        interval = {
            key: _interval(values, options) for key, values in {**own, "saved": saved, "regret": regret}.items()
        }
        rows = sum(len(cell.costs) for cell in cells)
        results.append(PolicyResult(policy=name, trained=tuple(trained), rows=rows, **interval))
    return results


def _interval(values: np.ndarray, options: BootstrapOptions) -> Interval:
    """Return the first value, which is that of the rows themselves, with the interval of the others."""
    return Interval(float(values[0]), *bounds_of(values[1:], options.confidence))


def _resample(
    cells: Sequence[Cell], areas: Mapping[int, np.ndarray], entities: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Return cost, ROC AUC and log loss of the rows, then of each resample."""
    weights = np.concatenate([np.ones((1, len(entities))), counts])
    places = [np.searchsorted(entities, cell.rows.entities) for cell in cells]
    sums = np.zeros((len(entities), 3))
    for cell, place in zip(cells, places, strict=True):
        for column, values in enumerate((cell.costs, cell.losses, np.ones(len(place)))):
            sums[:, column] += np.bincount(place, weights=values, minlength=len(entities))
    cost, losses, rows = (weights @ sums).T
    # Resamples keep the number of entities, not of rows: costs are brought to the number of rows there are.
    mean_area = np.mean([areas[id(cell)] for cell in cells], axis=0)
    return {"cost": cost * rows[0] / rows, "roc_auc": mean_area, "log_loss": losses / rows}


def weighted_auc(rows: Scored, counts: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of the rows, then of each resample; ties count half.

    Args:
        rows: The rows.
        counts: How often each entity is drawn, resamples by entities.
        place: Which entity each row is of.
    """
    order = np.argsort(rows.probability, kind="stable")
    ranked, label = rows.probability[order], rows.label[order].astype(np.float64)
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    found = [roc_auc(rows.label, rows.probability)]
    for count in counts:
        weight = count[place[order]]
        positives = np.add.reduceat(weight * label, starts)
        negatives = np.add.reduceat(weight * (1 - label), starts)
        below = np.cumsum(negatives) - negatives
        pairs = positives.sum() * negatives.sum()
        found.append(float((positives * (below + negatives / 2)).sum() / pairs) if pairs else np.nan)
    return np.array(found)


def describe_cell(cell: Cell) -> dict[str, float]:
    """Return the three figures of a cell: cost in currency units per row, ROC AUC and log loss."""
    rows = cell.rows
    return {
        "cost": float(cell.costs.mean()),
        "roc_auc": roc_auc(rows.label, rows.probability),
        "log_loss": log_loss(rows.label, rows.probability),
    }


def judge_retraining(results: Sequence[PolicyResult], *, currency: str) -> list[str]:
    """Return, for each policy that trains again, whether it was worth it on these data, in sentences."""
    sentences = []
    for each in results:
        saved = each.saved
        amount = f"{currency} {abs(saved.value):,.0f}, interval {saved.low:,.0f} to {saved.high:,.0f}"
        if saved.low == saved.high == 0:
            verdict = "did what never retraining does: it had no reason to train again"
        elif not saved.excludes_zero:
            verdict = f"cannot be told from never retraining ({'saved' if saved.value >= 0 else 'cost'} {amount})"
        elif saved.value > 0:
            verdict = f"was worth it: it saved {amount}"
        else:
            verdict = f"was not worth it: it cost {amount} more"
        sentences.append(f"{each.policy} {verdict}.")
    return sentences
